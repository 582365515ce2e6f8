// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a run folder holds, as far as it could be read. How it is read: run_reader.h.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nxm/recipe/recipe.h"
#include "nxm/report/curve.h"
#include "nxm/report/results.h"

namespace nxm {

struct StageRun {
  std::string name;
  std::string method;                           ///< "" if neither recipe nor results tell
  std::string pattern;                          ///< "2:4", "" for dense
  std::string from;                             ///< stage it starts from, "" = the recipe's model
  std::map<std::string, Curve> curves;          ///< by key of run.jsonl (loss, primal, mask_moved, …) over steps
  std::map<std::string, Curve> scores;          ///< by what was judged (dense, pruned, dev, final) over epochs
  std::map<std::string, double> final_metrics;  ///< of run.jsonl's line "final"
  std::optional<double> final_score;            ///< likewise
  std::optional<StageResult> result;            ///< of all_results.json
};

/// A line of bench.json: what `nxm bench --json` prints.
struct BenchLine {
  std::string precision, pattern, cpu;
  int64_t batch = 0, tokens = 0, threads = 0;
  double median_ms = 0, p99_ms = 0, tokens_per_second = 0;
};

struct RunRecord {
  std::string name;
  std::filesystem::path folder;
  std::optional<Recipe> recipe;
  std::map<std::string, std::string> keys;  ///< of the recipe, in TOML: "stage.admm.rho" -> "0.001"
  std::vector<StageRun> stages;             ///< in order; those of the recipe, then others that were met
  std::vector<BenchLine> bench;
  bool finished = false;              ///< all_results.json is there, whole, and tells of every stage
  std::vector<std::string> problems;  ///< a line each: what is missing or damaged

  [[nodiscard]] StageRun* find(std::string_view stage);
  /// The last stage's score, if the run is finished.
  [[nodiscard]] std::optional<double> score() const;
};

}  // namespace nxm
