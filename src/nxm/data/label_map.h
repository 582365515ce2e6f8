// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which of a task's classes each output of a model means, by name: models of one task order their labels differently.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/data/task.h"

namespace nxm {

struct LabelMap {
  std::vector<int64_t> task_class;  ///< of each output; {0} for regression
  std::string note{};               ///< what the user should know of the match, or ""
};

/// Labels match by the task's words for them, case ignored, in any order; "LABEL_0", "LABEL_1", … by position, with a
/// note. Throws Error(where) that lists both sides if the numbers differ or a name is not the task's.
LabelMap map_labels(const Task& task, std::span<const std::string> model_labels, std::string_view where);

}  // namespace nxm
