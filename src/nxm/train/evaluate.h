// SPDX-License-Identifier: Apache-2.0
#pragma once
// Logits of a whole dataset, without gradients.

#include <cstdint>
#include <functional>
#include <vector>

#include "nxm/data/dataset.h"
#include "nxm/data/task.h"
#include "nxm/metrics/metrics.h"
#include "nxm/train/bert.h"
#include "nxm/train/device.h"

namespace nxm {

/// (B, outputs), row-major.
std::vector<float> batch_logits(const Bert& model, const Batch& batch, const Compute& compute);

/// (N, outputs) in the dataset's order; `progress` (may be empty) gets the number of examples done.
std::vector<float> dataset_logits(const Bert& model, const Dataset& data, int64_t batch, const Compute& compute,
                                  const std::function<void(int64_t)>& progress = {});

/// The task's metrics on a labelled dataset; `progress` as above.
Scores evaluate(const Bert& model, const Dataset& data, const Task& task, const Compute& compute,
                const std::function<void(int64_t)>& progress = {});

}  // namespace nxm
