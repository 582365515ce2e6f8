// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a run has left in its folder: whether it may be counted. Who writes it is train/run_folder.h.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/recipe/recipe.h"
#include "nxm/report/results.h"

namespace nxm {

enum class RunState {
  kNew,      ///< nothing there
  kBegun,    ///< has its recipe and no results yet: --resume goes on
  kDone,     ///< results and model are whole, and the recipe is the one asked for
  kDamaged,  ///< anything else
};

/// "new", "begun", "done", "damaged".
std::string_view name_of(RunState state);

struct RunCheck {
  RunState state = RunState::kNew;
  std::string problem;              ///< damaged: what is wrong, naming the file
  std::vector<StageResult> stages;  ///< done: one for each stage of the recipe
};

/// Removes files of a folder that were being written when a process was killed. Not while a process is at work in it.
void remove_unfinished_files(const std::filesystem::path& folder);

/// Never throws for what the folder holds.
RunCheck check_run(const std::filesystem::path& folder, const Recipe& recipe);

}  // namespace nxm
