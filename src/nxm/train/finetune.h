// SPDX-License-Identifier: Apache-2.0
#pragma once
// A run: a recipe's stages one after another, from a model directory to model directories. No torch type here.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/recipe/recipe.h"
#include "nxm/report/progress.h"
#include "nxm/report/results.h"
#include "nxm/train/profile.h"

namespace nxm {

struct FinetuneOptions {
  bool resume = false;  ///< go on from the newest checkpoint; start afresh where there is none
  bool force = false;   ///< replace the run that is in the folder
  Progress::Style progress = Progress::Style::kSilent;
  bool profile = false;                       ///< time the parts
  std::function<void(std::string_view)> say;  ///< a line for the user; may be empty
  std::function<bool(int64_t stage, int64_t step)>
      go_on;                               ///< asked after each step; false: save and return. May be empty
  std::function<bool()> leave_evaluation;  ///< asked between its batches; true: save and return, --resume judges anew.
                                           ///< May be empty
};

struct FinetuneResult {
  std::vector<StageResult> stages;  ///< those finished
  std::filesystem::path model;      ///< result of the last stage; empty if interrupted
  bool interrupted = false;
  std::vector<ProfileRow> profile;  ///< of the whole call; empty if not asked for
};

/// Carries out `recipe` in the folder `out`:
///   recipe.toml run.jsonl runs/ checkpoints/ stages/<name>/ (kept if keep_stages) model/ all_results.json
/// The same recipe, seed, threads and machine give the same bytes, stopped and resumed or not.
/// Throws Error or UsageError; a loss or gradient that is not finite names step, task, first bad tensor and newest
/// checkpoint.
FinetuneResult finetune(const Recipe& recipe, const std::filesystem::path& out, const FinetuneOptions& options);

/// Where a recipe that says nothing about it would be carried out: "cpu, bf16, 2 threads".
std::string default_compute();

}  // namespace nxm
