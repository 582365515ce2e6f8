// SPDX-License-Identifier: Apache-2.0
#pragma once
// Between [task] as written and the Task it means.

#include <string_view>

#include "nxm/data/task.h"
#include "nxm/recipe/keys.h"

namespace nxm {

/// The Task that [task] means: a known one, whose metrics and class weights it may replace, or the one it describes.
/// Throws UsageError(where) for what is missing or does not go together.
/// `header_given`: spec.header is the recipe's word, not the default.
Task make_task(const TaskSpec& spec, bool described, bool header_given, std::string_view where);

/// The other way round, with every key filled in; columns and files only if `described`.
TaskSpec spec_of(const Task& task, bool described);

}  // namespace nxm
