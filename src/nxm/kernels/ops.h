// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an encoder does between its matrix products. One row is one token of H values.

#include <cstdint>
#include <span>

#include "nxm/core/matrix_view.h"
#include "nxm/core/thread_pool.h"
#include "nxm/kernels/target.h"

namespace nxm {

/// The functions of one target. All are noexcept, do not allocate, and are safe to call concurrently.
struct Ops {
  /// x <- LayerNorm(x + residual) * weight + bias over rows of `width`; residual may be null. Mean and variance in f32,
  /// two passes. eps is added to the variance.
  void (*add_layer_norm)(float* x, const float* residual, const float* weight, const float* bias, float eps,
                         int64_t rows, int64_t width) noexcept;
  /// x <- x/2 (1 + erf(x / sqrt 2)), |error| <= 2e-6 + 4e-7 |x|.
  void (*gelu)(float* x, int64_t n) noexcept;
  /// x <- tanh(x), relative error <= 1e-6.
  void (*tanh)(float* x, int64_t n) noexcept;
  /// Attention of one head over one sequence of T tokens: out = softmax(q k^T / sqrt(head)) v.
  /// q, k, v, out (T, head) with `stride` (q, k, v) and `out_stride` floats from one token to the next. Nothing is
  /// padded, so nothing is masked. `scratch`: attention_scratch(T, head) floats, 64-byte aligned.
  void (*attention)(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t out_stride,
                    int64_t tokens, int64_t head, float* scratch) noexcept;
  /// The same with q, k, v and the softmax (before its division) rounded to bf16. Null where that is not faster.
  void (*attention_bf16)(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t out_stride,
                         int64_t tokens, int64_t head, float* scratch) noexcept = nullptr;
};

[[nodiscard]] int64_t attention_scratch(int64_t tokens, int64_t head);
/// The table's entry for an available target.
const Ops& ops_for(Target target);

}  // namespace nxm
