// SPDX-License-Identifier: Apache-2.0
#pragma once
// GLUE server submissions: `index<TAB>prediction`, one file a task, with the server's names and label words.

#include <filesystem>
#include <span>
#include <string_view>

#include "nxm/data/task.h"

namespace nxm {

/// folder/<the split's submission name>. Throws UsageError if the split has none.
std::filesystem::path submission_path(const Task& task, std::string_view split, const std::filesystem::path& folder);

/// `predictions`: class ids, or values (regression; STS-B is clipped to [0, 5]). Written atomically to
/// submission_path(), which is returned; `folder` is created. Throws ContractError for a class id outside the task.
std::filesystem::path write_submission(const Task& task, std::string_view split, std::span<const float> predictions,
                                       const std::filesystem::path& folder);

}  // namespace nxm
