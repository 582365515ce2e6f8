// SPDX-License-Identifier: Apache-2.0
#pragma once
// GLUE server submissions: `index<TAB>prediction`, one file a task, with the server's names and label words.

#include <filesystem>
#include <span>
#include <string_view>

#include "nxm/data/task.h"

namespace nxm {

/// `predictions`: class ids, or values (regression; STS-B is clipped to [0, 5]). Written atomically to
/// folder/<the split's submission name>, whose path is returned; `folder` is created. Throws UsageError if the split
/// has none, ContractError for a class id outside the task.
std::filesystem::path write_submission(const Task& task, std::string_view split, std::span<const float> predictions,
                                       const std::filesystem::path& folder);

}  // namespace nxm
