// SPDX-License-Identifier: Apache-2.0
#pragma once
// What fine-tuning an encoder does between its matrix products, forward and backward, each in one pass over its rows.
// Letters as in docs/architecture.md: R rows of H values, T tokens of a sequence. T in templates: what the products
// read and write, f32 or bf16 (as its 16 bits); everything is computed in f32.
//
// A bias is added here and not by the product before it. Gradients of vectors (biases, LayerNorm's weight) are *added*
// to what their arrays hold, so that rows may come in stretches.

#include <cstdint>

#include "nxm/kernels/target.h"

namespace nxm {

/// Keeps the value at `index` if its hash with `seed` is at least `threshold`, and multiplies it by `scale`; else it is
/// 0. The same on every target and for any number of threads, so that nothing need be kept for the way back.
struct Dropout {
  uint64_t seed = 0;
  uint32_t threshold = 0;  ///< p 2^32; 0: keeps everything
  float scale = 1;         ///< 1 / (1 - p)
};
/// 0 <= p < 1.
[[nodiscard]] Dropout make_dropout(double p, uint64_t seed);
/// Evenly spread over 32 bits.
[[nodiscard]] uint32_t dropout_hash(uint64_t seed, uint32_t index);

/// out = n * weight + shift, where s = dropout(y + bias) + residual and n = (s - mean s) * scale, scale = 1 / sqrt(var
/// s + eps). Arrays of rows begin at `first_row` of the matrix that dropout's index counts: row * width + column.
template <typename T>
struct NormStep {
  const T* y;             ///< (rows, width)
  const float* bias;      ///< (width)
  const float* residual;  ///< (rows, width)
  const float* weight;    ///< (width)
  const float* shift;     ///< (width)
  float eps;
  Dropout dropout;
  int64_t first_row, rows, width;
  float* normal;   ///< (rows, width) n, for the way back
  float* scale;    ///< (rows), for the way back
  float* out;      ///< (rows, width)
  T* out_rounded;  ///< the same for the next product, or null
};

/// The gradient of NormStep, given g + more, that of its `out`.
template <typename T>
struct NormStepBack {
  const float* g;       ///< (rows, width)
  const T* more;        ///< (rows, width), or null for 0
  const float* normal;  ///< (rows, width)
  const float* scale;   ///< (rows)
  const float* weight;  ///< (width)
  Dropout dropout;
  int64_t first_row, rows, width;
  float* residual_g;  ///< (rows, width)
  T* y_g;             ///< (rows, width)
  float* bias_g;      ///< (width), added to
  float* weight_g;    ///< (width), added to
  float* shift_g;     ///< (width), added to
};

/// Attention of one head over one sequence: out = dropout(softmax((q + q_bias) (k + k_bias)^T / sqrt(head))) (v +
/// v_bias). The sequence's first `queries` tokens ask. Matrices have so many elements from one token to the next.
/// Dropout's index is first_index + t * tokens + s for query t and key s.
template <typename T>
struct AttentionStep {
  const T* q;  ///< (queries, head)
  const T* k;  ///< (tokens, head)
  const T* v;  ///< (tokens, head)
  int64_t q_stride, kv_stride;
  const float *q_bias, *k_bias, *v_bias;  ///< (head)
  T* out;                                 ///< (queries, head)
  int64_t out_stride;
  float* log_sum;  ///< (queries): log of the softmax's denominator, for the way back
  int64_t queries, tokens, head;
  Dropout dropout;
  uint32_t first_index;
  float* scratch;  ///< attention_step_scratch() floats, 64-byte aligned
};

/// Its gradient, given that of `out`. Arrays lie as the values do; those of biases are added to.
template <typename T>
struct AttentionStepBack {
  AttentionStep<T> step;  ///< with `out` and `log_sum` as they came
  const T* g;             ///< (queries, head), at out_stride
  T *q_g, *k_g, *v_g;
  float *q_bias_g, *k_bias_g, *v_bias_g;
};
[[nodiscard]] int64_t attention_step_scratch(int64_t tokens, int64_t head);

/// The functions of one target. All are noexcept, do not allocate, and are safe to call concurrently.
template <typename T>
struct TrainingOps {
  void (*norm)(const NormStep<T>& step) noexcept;
  void (*norm_back)(const NormStepBack<T>& step) noexcept;
  /// out = gelu(u + bias), x/2 (1 + erf(x / sqrt 2)), both (rows, width); as exact as Ops::gelu.
  void (*gelu)(const T* u, const float* bias, T* out, int64_t rows, int64_t width) noexcept;
  /// g <- g gelu'(u + bias), whose sums over rows are added to bias_g. gelu' to 3e-6.
  void (*gelu_back)(const T* u, const float* bias, T* g, float* bias_g, int64_t rows, int64_t width) noexcept;
  void (*attention)(const AttentionStep<T>& step) noexcept;
  void (*attention_back)(const AttentionStepBack<T>& step) noexcept;
};

/// The table's entry for an available target; T: float or uint16_t (bf16).
template <typename T>
const TrainingOps<T>& training_ops_for(Target target);
/// Plain loops in double, the oracle of the others.
template <typename T>
const TrainingOps<T>& scalar_training_ops();

}  // namespace nxm
