// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the sparsified layers see: the Gram matrices of their inputs over some rows of the data.

#include <cstdint>
#include <map>

#include "nxm/data/dataset.h"
#include "nxm/train/bert.h"
#include "nxm/train/device.h"

namespace nxm {

/// X X^T / n of each encoder linear's n input rows (of the last layer's: only the rows it computes), f32 (I, I), by the
/// weight's tensor. Over at most `rows` examples spread evenly over `data`; no dropout.
std::map<const void*, at::Tensor> gram_matrices(const Bert& model, const Dataset& data, int64_t rows,
                                                const Compute& compute);

}  // namespace nxm
