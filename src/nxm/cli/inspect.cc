// SPDX-License-Identifier: Apache-2.0
// `nxm inspect`: is this model really 2:4, how big is it, which layers are not?

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/core/pattern.h"
#include "nxm/io/model_dir.h"
#include "nxm/report/progress.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

// What is looked for when nobody names a pattern: the sparsest first, and of equal density the smallest group first.
// A matrix that is 2:4 is also 4:8, so the first that holds says the most.
constexpr Pattern kUsual[] = {{1, 8}, {1, 4}, {2, 8}, {4, 16}, {1, 2}, {2, 4}, {4, 8}, {8, 16}, {16, 32}, {32, 64}};

struct Layer {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  uint64_t bytes = 0;
  int64_t non_zero = 0;
  std::vector<std::optional<int64_t>> bad_groups;  // by pattern looked for; none where its group does not fit

  [[nodiscard]] double density() const { return static_cast<double>(non_zero) / static_cast<double>(rows * cols); }
  [[nodiscard]] bool holds(size_t pattern) const { return bad_groups[pattern] == 0; }
  // A matrix of zeros satisfies everything and so says nothing.
  [[nodiscard]] bool shows(size_t pattern) const { return holds(pattern) && non_zero > 0; }
};

Layer read_layer(const ModelDir& model, const std::string& name, const std::vector<Pattern>& patterns, bool named) {
  const TensorInfo& info = model.info(name);
  if (info.shape.size() != 2 || info.elements() == 0) {
    fail("inspect", "{}: '{}' has shape {}, expected a matrix of (outputs, inputs)", model.folder().string(), name,
         shape_text(info.shape));
  }
  Layer layer{name, info.shape[0], info.shape[1], info.bytes(), 0, {}};
  std::vector<float> values(static_cast<size_t>(info.elements()));
  model.read_f32(name, values);
  layer.non_zero = std::ranges::count_if(values, [](float value) { return value != 0; });
  const MatrixView<const float> weight{values.data(), layer.rows, layer.cols};
  for (const Pattern& pattern : patterns) {
    if (named) pattern.check_fits(name, layer.rows, layer.cols);
    const bool fits = layer.cols % pattern.of == 0 && layer.rows % pattern.share == 0;
    layer.bad_groups.push_back(fits ? std::optional(check_pattern(weight, pattern).bad_groups) : std::nullopt);
  }
  return layer;
}

// "nxm": {"pattern": "2:4"} of config.json.
std::optional<Pattern> claimed_pattern(const ModelConfig& config) {
  const auto nxm = config.extra.find("nxm");
  if (nxm == config.extra.end() || !nxm->is_object()) return std::nullopt;
  const auto pattern = nxm->find("pattern");
  if (pattern == nxm->end() || !pattern->is_string()) return std::nullopt;
  try {
    return Pattern::parse(pattern->get<std::string>());
  } catch (const UsageError& error) {
    fail("config.json", "$.nxm.pattern: {}", error.what());
  }
}

// The pattern that most layers show, the first of equals; none if no layer shows any.
std::optional<size_t> detect(const std::vector<Layer>& layers, size_t patterns) {
  std::optional<size_t> found;
  int64_t most = 0;
  for (size_t p = 0; p < patterns; ++p) {
    const int64_t count = std::ranges::count_if(layers, [p](const Layer& layer) { return layer.shows(p); });
    if (count > most) found = p;
    most = std::max(most, count);
  }
  return found;
}

struct Inspection {
  std::vector<Layer> layers;
  std::vector<Pattern> patterns;
  std::optional<size_t> pattern;  // the one in question
  uint64_t bytes = 0;

  [[nodiscard]] std::string pattern_text() const { return pattern ? patterns[*pattern].str() : ""; }
  [[nodiscard]] bool holds(const Layer& layer) const { return pattern && layer.holds(*pattern); }
  [[nodiscard]] int64_t bad_layers() const {
    return std::ranges::count_if(layers, [this](const Layer& layer) { return !holds(layer); });
  }
  [[nodiscard]] double density() const {
    int64_t non_zero = 0, size = 0;
    for (const Layer& layer : layers) {
      non_zero += layer.non_zero;
      size += layer.rows * layer.cols;
    }
    return static_cast<double>(non_zero) / static_cast<double>(size);
  }
};

Inspection inspect(const ModelDir& model, const std::optional<Pattern>& named) {
  Inspection result;
  if (named) {
    result.patterns = {*named};
    result.pattern = 0;
  } else {
    result.patterns.assign(std::begin(kUsual), std::end(kUsual));
  }
  for (const std::string& name : sparsified_names(model.config())) {
    result.layers.push_back(read_layer(model, name, result.patterns, named.has_value()));
  }
  if (!named) result.pattern = detect(result.layers, result.patterns.size());
  result.bytes = model.weight_bytes();
  return result;
}

OrderedJson to_json(const Inspection& result) {
  OrderedJson layers = OrderedJson::array();
  for (const Layer& layer : result.layers) {
    OrderedJson entry = {{"name", layer.name},
                         {"shape", {layer.rows, layer.cols}},
                         {"valid", result.holds(layer)},
                         {"density", layer.density()},
                         {"bad_groups", nullptr}};
    if (result.pattern && layer.bad_groups[*result.pattern]) entry["bad_groups"] = *layer.bad_groups[*result.pattern];
    layers.push_back(std::move(entry));
  }
  OrderedJson json = {{"pattern", nullptr},
                      {"valid", result.bad_layers() == 0},
                      {"density", result.density()},
                      {"bytes", result.bytes},
                      {"layers", std::move(layers)}};
  if (result.pattern) json["pattern"] = result.pattern_text();
  return json;
}

void print_words(const Inspection& result) {
  std::vector<std::vector<std::string>> rows{{"layer", "shape", "density", "bad groups", "size"}};
  for (const Layer& layer : result.layers) {
    const bool counted = result.pattern && layer.bad_groups[*result.pattern];
    rows.push_back({layer.name, fmt::format("{} x {}", layer.rows, layer.cols),
                    fmt::format("{:.2f} %", 100 * layer.density()),
                    counted ? fmt::format("{}", *layer.bad_groups[*result.pattern]) : "–",
                    size_text(static_cast<double>(layer.bytes))});
  }
  fmt::print("{}\n", text_table(rows));
  const size_t layers = result.layers.size();
  const std::string size =
      fmt::format("{:.2f} % of the weights in these layers are not zero; the weight files take {}.",
                  100 * result.density(), size_text(static_cast<double>(result.bytes)));
  if (!result.pattern) {
    fmt::print("No N:M pattern found. {}\n", size);
  } else if (result.bad_layers() == 0) {
    fmt::print("{} holds in all {} layers. {}\n", result.pattern_text(), layers, size);
  } else {
    fmt::print("{} is broken in {} of {} layers. {}\n", result.pattern_text(), result.bad_layers(), layers, size);
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  struct Flags {
    std::string folder, pattern;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("inspect", "Show whether a model's layers keep an N:M pattern, and its size");
  verb->add_option("DIR", flags->folder, "Model directory")->required();
  verb->add_option("--pattern", flags->pattern,
                   "Pattern to check (2:4 keeps 2 of 4); by default what config.json names, else what is found");
  verb->add_flag("--json", flags->json, "Print one JSON object");
  verb->footer("Exit code 1 if a named pattern is broken.\n\nExample:\n  nxm inspect runs/mrpc/model --pattern 2:4\n");
  verb->callback([flags] {
    std::optional<Pattern> named;
    if (!flags->pattern.empty()) named = Pattern::parse(flags->pattern);
    const ModelDir model(flags->folder);
    if (!named) named = claimed_pattern(model.config());
    const Inspection result = inspect(model, named);
    if (flags->json) {
      fmt::print("{}\n", to_json(result).dump());
    } else {
      print_words(result);
    }
    if (named && result.bad_layers() > 0) exit_code = 1;
  });
}

}  // namespace nxm::cli
