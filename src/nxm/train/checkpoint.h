// SPDX-License-Identifier: Apache-2.0
#pragma once
// A run's whole state on disk, so that a stopped run goes on to the same bytes. A checkpoint is a folder
// checkpoints/<stage>-<step>/ with tensors.safetensors, state.json and SHA256SUMS, which `sha256sum -c` reads.
// It appears under its name only when all of it is on the disk; the ones before it are removed after that.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nxm/report/results.h"
#include "nxm/train/optimizer.h"

namespace nxm {

struct RunState {
  int64_t stage = 0;       ///< index of the stage at work
  int64_t step = 0;        ///< steps it has done; 0 = not begun
  uint64_t log_bytes = 0;  ///< length of run.jsonl
  double loss_sum = 0;     ///< of the steps since the last line of the log
  int64_t loss_count = 0;
  double train_seconds = 0;          ///< of this stage, spent in steps
  double seconds = 0;                ///< of this stage, in all
  int64_t tokens = 0;                ///< of this stage
  double best_score = -2;            ///< below any score: none yet
  std::vector<StageResult> results;  ///< of the stages before it
  TensorMap tensors;                 ///< weights, optimiser, method, generator; empty if step is 0
};

/// Durable: after a crash at any moment the newest whole checkpoint is this one or the one before it.
void save_checkpoint(const std::filesystem::path& run, const RunState& state);

/// The newest checkpoint, or nothing. Throws Error naming the file if its hash or content is wrong. Removes what a save
/// that was cut short left behind.
std::optional<RunState> load_checkpoint(const std::filesystem::path& run);

/// The folder of the newest checkpoint, for messages; "none" without one.
std::string newest_checkpoint(const std::filesystem::path& run);

}  // namespace nxm
