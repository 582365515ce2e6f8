// SPDX-License-Identifier: Apache-2.0
// `nxm pack`: an N:M-sparse model that stores only what its pattern keeps, and back.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nxm/cli/inspection.h"
#include "nxm/cli/score.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/io/json_fields.h"
#include "nxm/io/pack_model.h"
#include "nxm/io/packed_info.h"
#include "nxm/report/progress.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

constexpr double kNotGiven = -1, kUsualDrop = 0.5;  // of --max-drop

struct Flags {
  std::string folder, out, pattern, precision = "f32";
  bool undo = false, force = false, json = false;
  TaskOptions task;
  double max_drop = kNotGiven;
  RunOptions run;
};

/// The score on the dev split, in points of 100.
struct Quality {
  std::string task;
  double before = 0, after = 0;
  [[nodiscard]] double drop() const { return before - after; }
};

/// What was done, for people and machines.
struct Outcome {
  Pattern pattern;
  std::string precision;  ///< of the packed side
  std::vector<PackedLayer> layers;
  uint64_t bytes_before = 0, bytes = 0;  ///< of the weight files
  double bits_per_weight = 0;            ///< of the layers
  double largest_error = 0;
  std::optional<Quality> quality;
};

// The pattern that every layer holds; an Error says which do not, and what to do.
Pattern pattern_to_pack(const ModelDir& model, const std::string& flag) {
  std::optional<Pattern> named = claimed_pattern(model.config());
  if (!flag.empty()) named = Pattern::parse(flag);
  const Inspection found = inspect(model, named);
  const std::string where = model.folder().string();
  if (!found.pattern) {
    fail(where, "no N:M pattern found in its layers. {}",
         "Prune the model by `nxm finetune` first, or name the pattern by --pattern");
  }
  if (found.bad_layers() == 0) return found.patterns[*found.pattern];
  constexpr size_t kShown = 3;  // enough to see which kind of layer it is
  std::string names;
  size_t bad = 0;
  for (const InspectedLayer& layer : found.layers) {
    if (found.holds(layer)) continue;
    if (bad < kShown) names += fmt::format("{}'{}'", bad == 0 ? "" : ", ", layer.name);
    ++bad;
  }
  if (bad > kShown) names += fmt::format(" and {} more", bad - kShown);
  fail(where, "{} does not hold in {} of {} layers: {}. {}", found.pattern_text(), bad, found.layers.size(), names,
       "Prune the model by `nxm finetune` first, or name a pattern that holds by --pattern");
}

Outcome pack_or_undo(const Flags& flags, const ModelDir& model) {
  Outcome outcome;
  if (flags.undo) {
    outcome.layers = unpack_model_dir(model, flags.out, flags.force);
    outcome.pattern = model.packed()->pattern;
    outcome.precision = precision_word(model.packed()->dtype);
  } else {
    outcome.precision = flags.precision;
    const std::optional<DType> dtype = parse_precision_word(flags.precision);
    if (!dtype) fail_usage("--precision", "expected f32, bf16, f16 or int8, got '{}'", flags.precision);
    outcome.pattern = pattern_to_pack(model, flags.pattern);
    outcome.layers = pack_model_dir(model, outcome.pattern, *dtype, flags.out, flags.force);
  }
  outcome.bytes_before = model.weight_bytes();
  outcome.bytes = ModelDir(flags.out).weight_bytes();
  uint64_t bytes = 0;
  int64_t weights = 0;
  for (const PackedLayer& layer : outcome.layers) {
    bytes += layer.bytes;
    weights += layer.rows * layer.cols;
    outcome.largest_error = std::max(outcome.largest_error, layer.largest_error);
  }
  outcome.bits_per_weight = 8 * static_cast<double>(bytes) / static_cast<double>(weights);
  return outcome;
}

// Scores before packing come first: what is wrong with the task is said before anything is written.
Outcome pack(const Flags& flags) {
  const ModelDir model(flags.folder);
  if (flags.task.task.empty() && flags.task.data.empty() && flags.task.recipe.empty()) {
    if (flags.max_drop != kNotGiven) {
      fail_usage("--max-drop", "the drop of which score? Give --task NAME and --data FOLDER, or --recipe FILE");
    }
    return pack_or_undo(flags, model);
  }
  const TaskChoice choice = choose_task(flags.task, {.model = flags.folder}, "pack");
  const Examples examples = read_split(choice.task, "dev", choice.data);
  if (!examples.labelled) fail(examples.path.string(), "has no labels; a score needs them. Give another --data");
  const auto points = [&](const std::filesystem::path& folder) {
    return 100 * score_model(folder, choice.task, examples, choice.max_length, flags.run).score;
  };
  const double before = points(flags.folder);
  Outcome outcome = pack_or_undo(flags, model);
  outcome.quality = Quality{choice.task.name, before, points(flags.out)};
  return outcome;
}

OrderedJson to_json(const Outcome& outcome, bool undo) {
  OrderedJson layers = OrderedJson::array();
  for (const PackedLayer& layer : outcome.layers) {
    layers.push_back({{"name", layer.name},
                      {"shape", {layer.rows, layer.cols}},
                      {"bytes_before", layer.bytes_before},
                      {"bytes", layer.bytes},
                      {"bits_per_weight", layer.bits_per_weight()},
                      {"largest_error", layer.largest_error}});
  }
  OrderedJson json = {{"pattern", outcome.pattern.str()},
                      {"precision", outcome.precision},
                      {"undo", undo},
                      {"bytes_before", outcome.bytes_before},
                      {"bytes", outcome.bytes},
                      {"bits_per_weight", outcome.bits_per_weight},
                      {"largest_error", outcome.largest_error},
                      {"layers", std::move(layers)}};
  if (const auto& quality = outcome.quality) {
    json["task"] = quality->task;
    json["score_before"] = quality->before / 100;
    json["score"] = quality->after / 100;
  }
  return json;
}

void print_words(const Outcome& outcome, const Flags& flags) {
  const auto size = [](uint64_t bytes) { return size_text(static_cast<double>(bytes)); };
  std::vector<std::vector<std::string>> rows{{"layer", "shape", "before", "after", "bits/weight", "largest error"}};
  for (const PackedLayer& layer : outcome.layers) {
    rows.push_back({layer.name, fmt::format("{} x {}", layer.rows, layer.cols), size(layer.bytes_before),
                    size(layer.bytes), fmt::format("{:.2f}", layer.bits_per_weight()),
                    fmt::format("{:.3g}", layer.largest_error)});
  }
  fmt::print("{}\n{} layers {} {} in {}: {:.2f} bits a weight{}. Weight files: {}, before {}. {}\n", text_table(rows),
             outcome.layers.size(), flags.undo ? "unpacked from" : "packed as", outcome.pattern.str(),
             outcome.precision, outcome.bits_per_weight,
             flags.undo ? "" : fmt::format(", largest error {:.3g}", outcome.largest_error), size(outcome.bytes),
             size(outcome.bytes_before), flags.out);
  if (const auto& quality = outcome.quality) {
    fmt::print("{} on dev: {:.2f} before, {:.2f} after.\n", quality->task, quality->before, quality->after);
  }
}

}  // namespace

void add_pack(Verb app) {
  auto flags = std::make_shared<Flags>();
  Verb verb = app.add("pack", "Store only what an N:M-sparse model keeps, exactly or rounded");
  verb.option("DIR", flags->folder, "Model directory").required();
  verb.option("--out", flags->out, "Folder for the packed model").required();
  const Option precision = verb.option("--precision", flags->precision,
                                       "Of the stored weights: f32 (exact, the default), bf16, f16 or int8");
  const Option pattern =
      verb.option("--pattern", flags->pattern,
                  "Pattern that all layers keep; by default what config.json names, else what is found");
  verb.flag("--undo", flags->undo, "Make a plain model of a packed one").excludes(precision).excludes(pattern);
  verb.flag("--force", flags->force, "Replace the model that is in the --out folder");
  flags->task.add_to(verb);
  verb.option("--max-drop", flags->max_drop,
              fmt::format("Points of 100 that the task's score on dev may drop (default: {})", kUsualDrop))
      .within_real(0.0, 100.0);
  verb.option("--threads", flags->run.threads, "Threads for scoring; 0: all that this process may use")
      .show_default()
      .within(0, 4096);
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "With a task, exit code 1 if its score drops by more than --max-drop.\n\n"
      "Example:\n  nxm pack runs/mrpc/model --precision int8 --out mrpc-int8 --task mrpc --data glue\n");
  verb.run([flags] {
    const Outcome outcome = pack(*flags);
    if (flags->json) {
      fmt::print("{}\n", to_json(outcome, flags->undo).dump());
    } else {
      print_words(outcome, *flags);
    }
    const double allowed = flags->max_drop == kNotGiven ? kUsualDrop : flags->max_drop;
    if (outcome.quality && outcome.quality->drop() > allowed) {
      fmt::print(stderr, "nxm: the score drops by {:.2f} points, more than {:g}; {} holds the model all the same\n",
                 outcome.quality->drop(), allowed, flags->out);
      exit_code = 1;
    }
  });
}

}  // namespace nxm::cli
