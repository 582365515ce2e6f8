// SPDX-License-Identifier: Apache-2.0
// `nxm inspect`: is this model really 2:4, how big is it, which layers are not; is it damaged?

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nxm/cli/inspection.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/pattern.h"
#include "nxm/io/model_dir.h"
#include "nxm/report/progress.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

OrderedJson to_json(const Inspection& result, const std::vector<DamagedTensor>& damaged,
                    const std::optional<PackedInfo>& packed) {
  OrderedJson layers = OrderedJson::array();
  for (const InspectedLayer& layer : result.layers) {
    OrderedJson entry = {{"name", layer.name},
                         {"shape", {layer.rows, layer.cols}},
                         {"valid", result.holds(layer)},
                         {"density", layer.density()},
                         {"bad_groups", nullptr}};
    if (result.pattern && layer.bad_groups[*result.pattern]) entry["bad_groups"] = *layer.bad_groups[*result.pattern];
    layers.push_back(std::move(entry));
  }
  OrderedJson json = {{"pattern", nullptr},          {"valid", result.bad_layers() == 0},
                      {"density", result.density()}, {"bytes", result.bytes},
                      {"layers", std::move(layers)}, {"not_finite", OrderedJson::array()}};
  for (const DamagedTensor& tensor : damaged) {
    json["not_finite"].push_back({{"name", tensor.name}, {"count", tensor.not_finite}});
  }
  if (result.pattern) json["pattern"] = result.pattern_text();
  if (packed) json["packed"] = precision_word(packed->dtype);
  return json;
}

void print_words(const Inspection& result, const std::vector<DamagedTensor>& damaged,
                 const std::optional<PackedInfo>& packed) {
  std::vector<std::vector<std::string>> rows{{"layer", "shape", "density", "bad groups", "size"}};
  for (const InspectedLayer& layer : result.layers) {
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
  if (packed) {
    fmt::print("{} of the layers are packed: {} in {}.\n", packed->layers.size(), packed->pattern.str(),
               precision_word(packed->dtype));
  }
  for (const DamagedTensor& tensor : damaged) {
    fmt::print("{} holds {} values that are NaN or infinite: it is damaged.\n", tensor.name, tensor.not_finite);
  }
}

}  // namespace

void add_inspect(Verb app) {
  struct Flags {
    std::string folder, pattern;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  Verb verb = app.add("inspect", "Show whether a model's layers keep an N:M pattern, and its size");
  verb.option("DIR", flags->folder, "Model directory").required();
  verb.option("--pattern", flags->pattern,
              "Pattern to check (2:4 keeps 2 of 4); by default what config.json names, else what is found");
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "Exit code 1 if a named pattern is broken, or a tensor holds a NaN or an infinity.\n\nExample:\n  nxm inspect "
      "runs/mrpc/model --pattern 2:4\n");
  verb.run([flags] {
    std::optional<Pattern> named;
    if (!flags->pattern.empty()) named = Pattern::parse(flags->pattern);
    const ModelDir model(flags->folder);
    if (!named) named = claimed_pattern(model.config());
    const Inspection result = inspect(model, named);
    const std::vector<DamagedTensor> damaged = damaged_tensors(model);
    if (flags->json) {
      fmt::print("{}\n", to_json(result, damaged, model.packed()).dump());
    } else {
      print_words(result, damaged, model.packed());
    }
    if ((named && result.bad_layers() > 0) || !damaged.empty()) exit_code = 1;
  });
}

}  // namespace nxm::cli
