// SPDX-License-Identifier: Apache-2.0
#pragma once
// How well a model does on a split of a task. For `eval`, and for `pack`, which compares two models.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nxm/cli/engine.h"
#include "nxm/data/dataset.h"
#include "nxm/data/reader.h"
#include "nxm/data/task.h"
#include "nxm/metrics/metrics.h"

namespace nxm::cli {

/// Class ids of the task, or values, in the dataset's order; labels are matched by name, with a note on stderr where
/// that needs one. Throws Error(where) if they do not match.
std::vector<float> predictions_of(const Engine& model, const Task& task, const Dataset& data, int64_t batch,
                                  const std::string& where);

/// Scores of the model in `folder` on labelled examples of at most `max_length` tokens (0: the usual).
Scores score_model(const std::filesystem::path& folder, const Task& task, const Examples& examples, int64_t max_length,
                   const RunOptions& options);

}  // namespace nxm::cli
