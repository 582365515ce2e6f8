// SPDX-License-Identifier: Apache-2.0
#pragma once
// GLUE server submissions: `index<TAB>prediction`, one file a task, with the server's names and label words.

#include <filesystem>
#include <span>
#include <vector>

#include "nxm/data/task.h"

namespace nxm {

/// `predictions`: class ids, or values (regression; STS-B is clipped to [0, 5]). Written atomically to
/// folder/task.submission_file. Throws UsageError if the task has none.
void write_submission(const Task& task, std::span<const float> predictions, const std::filesystem::path& folder);

}  // namespace nxm
