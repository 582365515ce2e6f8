// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a run's sparse stages kept of each layer, from the weights that it left. Not whether a pattern holds (`nxm
// inspect`).

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nxm/report/run_record.h"

namespace nxm {

struct LayerRetention {
  std::string name;
  int64_t rows = 0, cols = 0;
  double non_zero = 0;              ///< share of the weights
  std::optional<double> kept_norm;  ///< ||W o (S != 0)|| / ||W||, W the weights that the stage began with, S its result
};

struct StageRetention {
  std::string stage;
  int64_t encoder_layers = 0;
  std::vector<LayerRetention> layers;
};

/// One entry for each sparse stage whose weights are in stages/NAME (the last one's also in model/). What it began with
/// is stages/FROM, or the recipe's model where that is a folder. Weights that are damaged are a line of run.problems.
std::vector<StageRetention> read_retention(RunRecord& run);

/// Runs whose weights are read: each takes two figures, and a second or more of reading.
inline constexpr size_t kMostRetentions = 12;

/// What several runs' weights tell, by index of the run; runs without weights are left out.
struct Retentions {
  std::map<size_t, std::vector<StageRetention>> by_run;
  size_t passed_over = 0;  ///< runs after the first kMostRetentions that have weights
};
Retentions read_retentions(std::span<RunRecord> runs);

}  // namespace nxm
