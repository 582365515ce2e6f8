// SPDX-License-Identifier: Apache-2.0
#pragma once
// One layer pruned so that its output changes least on given inputs, without training. Also ADMM, but of a layer's own
// least-squares problem, where the W-step is exact.

#include <cstdint>
#include <string>

#include "nxm/core/pattern.h"
#include "nxm/core/thread_pool.h"
#include "nxm/train/torch.h"

namespace nxm {

/// A sparse Z near the minimum of ||(W - Z) X||^2 = tr((W - Z) H (W - Z)^T), H = X X^T, over Z in the pattern.
/// H + 0.01 mean(diag H) is scaled to a unit diagonal; then V = argmin tr((W-V) H (W-V)^T) + rho ||V - Z + U||^2,
/// Z = Pi(V + U), U += V - Z, with a rho that grows until the mask stands; then conjugate gradients on that mask. A row
/// that the weighted projection (wanda), refitted, serves better takes that.
/// Shapes: weight (O, I) f32, gram (I, I) f32 or f64, symmetric. An input that is always 0 costs nothing to prune.
/// Cost: an eigendecomposition of (I, I) and about 100 products (O, I) (I, I).
/// Source: ALPS (Meng et al., arXiv 2406.07831).
at::Tensor reconstruct(const at::Tensor& weight, const at::Tensor& gram, const Pattern& pattern,
                       const std::string& name, ThreadPool& pool);

/// tr((W - Z) H (W - Z)^T).
double reconstruction_error(const at::Tensor& weight, const at::Tensor& pruned, const at::Tensor& gram);

}  // namespace nxm
