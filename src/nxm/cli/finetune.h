// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the verbs that run recipes share.

#include <filesystem>
#include <string>
#include <vector>

#include "nxm/report/results.h"
#include "nxm/train/finetune.h"

namespace nxm::cli {

/// finetune() with the program's progress bar and messages; SIGINT and SIGTERM end it in order (exit code 128 +
/// signal).
FinetuneResult run_recipe(const Recipe& recipe, const std::filesystem::path& out, FinetuneOptions options);

/// One line a stage: metrics and score in percent, zeros, size, time, tokens a second.
std::string stage_table(const std::vector<StageResult>& stages);

}  // namespace nxm::cli
