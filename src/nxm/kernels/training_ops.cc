// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/training_ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <type_traits>

#include "nxm/core/dtype.h"
#include "nxm/kernels/code.h"
#include "nxm/kernels/tile.h"

namespace nxm {
namespace {

double value(float x) { return x; }
double value(uint16_t x) { return bf16_to_f32(x); }

template <typename T>
T rounded(double x) {
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(x);
  return static_cast<T>(f32_to_bf16(static_cast<float>(x)));
}

void add_to(float& sum, double x) { sum = static_cast<float>(sum + x); }

double kept(const Dropout& dropout, uint32_t index) {
  return dropout_hash(dropout.seed, index) >= dropout.threshold ? dropout.scale : 0;
}
double kept(const Dropout& dropout, int64_t index) { return kept(dropout, static_cast<uint32_t>(index)); }

template <typename T>
void norm(const NormStep<T>& step) noexcept {
  const int64_t width = step.width;
  for (int64_t r = 0; r < step.rows; ++r) {
    const int64_t at = r * width;
    const int64_t index = (step.first_row + r) * width;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < width; ++i) {
      const double s = (value(step.y[at + i]) + step.bias[i]) * kept(step.dropout, index + i) + step.residual[at + i];
      step.normal[at + i] = static_cast<float>(s);
      sum += s;
    }
    const double mean = sum / static_cast<double>(width);
    for (int64_t i = 0; i < width; ++i) squares += (step.normal[at + i] - mean) * (step.normal[at + i] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + step.eps);
    step.scale[r] = static_cast<float>(scale);
    for (int64_t i = 0; i < width; ++i) {
      const double n = (step.normal[at + i] - mean) * scale;
      step.normal[at + i] = static_cast<float>(n);
      step.out[at + i] = static_cast<float>(n * step.weight[i] + step.shift[i]);
      if (step.out_rounded != nullptr) step.out_rounded[at + i] = rounded<T>(step.out[at + i]);
    }
  }
}

template <typename T>
void norm_back(const NormStepBack<T>& step) noexcept {
  const int64_t width = step.width;
  for (int64_t r = 0; r < step.rows; ++r) {
    const int64_t at = r * width;
    const int64_t index = (step.first_row + r) * width;
    const auto g = [&](int64_t i) { return step.g[at + i] + (step.more == nullptr ? 0 : value(step.more[at + i])); };
    double mean = 0, along = 0;  // of g weight: its mean, and that of its product with n
    for (int64_t i = 0; i < width; ++i) {
      mean += g(i) * step.weight[i] / static_cast<double>(width);
      along += g(i) * step.weight[i] * step.normal[at + i] / static_cast<double>(width);
    }
    for (int64_t i = 0; i < width; ++i) {
      const double n = step.normal[at + i];
      add_to(step.weight_g[i], g(i) * n);
      add_to(step.shift_g[i], g(i));
      const double s_g = step.scale[r] * (g(i) * step.weight[i] - mean - n * along);
      const double y_g = s_g * kept(step.dropout, index + i);
      step.residual_g[at + i] = static_cast<float>(s_g);
      step.y_g[at + i] = rounded<T>(y_g);
      add_to(step.bias_g[i], y_g);
    }
  }
}

template <typename T>
void gelu(const T* u, const float* bias, T* out, int64_t rows, int64_t width) noexcept {
  for (int64_t at = 0; at < rows * width; ++at) {
    const double x = value(u[at]) + bias[at % width];
    out[at] = rounded<T>(0.5 * x * (1 + std::erf(x / std::sqrt(2.0))));
  }
}

template <typename T>
void gelu_back(const T* u, const float* bias, T* g, float* bias_g, int64_t rows, int64_t width) noexcept {
  const double density = 1 / std::sqrt(2 * std::acos(-1.0));
  for (int64_t at = 0; at < rows * width; ++at) {
    const double x = value(u[at]) + bias[at % width];
    const double slope = 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * density * std::exp(-0.5 * x * x);
    const double back = value(g[at]) * slope;
    g[at] = rounded<T>(back);
    add_to(bias_g[at % width], back);
  }
}

template <typename T>
double dot(const T* a, const float* a_bias, const T* b, const float* b_bias, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += (value(a[i]) + a_bias[i]) * (value(b[i]) + b_bias[i]);
  return sum;
}

template <typename T>
void attention(const AttentionStep<T>& step) noexcept {
  const double scale = 1 / std::sqrt(static_cast<double>(step.head));
  float* scores = step.scratch;
  for (int64_t t = 0; t < step.queries; ++t) {
    const T* q = step.q + t * step.q_stride;
    for (int64_t s = 0; s < step.tokens; ++s) {
      scores[s] = static_cast<float>(scale * dot(q, step.q_bias, step.k + s * step.kv_stride, step.k_bias, step.head));
    }
    const double largest = *std::max_element(scores, scores + step.tokens);
    double sum = 0;
    for (int64_t s = 0; s < step.tokens; ++s) sum += std::exp(scores[s] - largest);
    step.log_sum[t] = static_cast<float>(largest + std::log(sum));
    for (int64_t i = 0; i < step.head; ++i) {
      double mixed = 0;
      for (int64_t s = 0; s < step.tokens; ++s) {
        const double p =
            std::exp(scores[s] - largest) / sum * kept(step.dropout, step.first_index + t * step.tokens + s);
        mixed += p * (value(step.v[s * step.kv_stride + i]) + step.v_bias[i]);
      }
      step.out[t * step.out_stride + i] = rounded<T>(mixed);
    }
  }
}

// With p the softmax, m what dropout multiplies it with, g the gradient of out: that of p is m (g v^T), that of the
// scores p (that - sum over keys of p that), and the sum is g out^T.
template <typename T>
void attention_back(const AttentionStepBack<T>& back) noexcept {
  const AttentionStep<T>& step = back.step;
  const int64_t tokens = step.tokens, head = step.head;
  const double scale = 1 / std::sqrt(static_cast<double>(head));
  float* sums = step.scratch;  // gradients of q, k and v: (queries + 2 tokens, head)
  std::fill_n(sums, (step.queries + 2 * tokens) * head, 0.0F);
  float *q_sums = sums, *k_sums = sums + step.queries * head, *v_sums = k_sums + tokens * head;
  for (int64_t t = 0; t < step.queries; ++t) {
    const T* q = step.q + t * step.q_stride;
    const T* g = back.g + t * step.out_stride;
    double along = 0;
    for (int64_t i = 0; i < head; ++i) along += value(g[i]) * value(step.out[t * step.out_stride + i]);
    for (int64_t s = 0; s < tokens; ++s) {
      const T* k = step.k + s * step.kv_stride;
      const T* v = step.v + s * step.kv_stride;
      const double p = std::exp(scale * dot(q, step.q_bias, k, step.k_bias, head) - step.log_sum[t]);
      const double keep = kept(step.dropout, step.first_index + t * tokens + s);
      double p_g = 0;
      for (int64_t i = 0; i < head; ++i) p_g += value(g[i]) * (value(v[i]) + step.v_bias[i]);
      const double score_g = scale * p * (keep * p_g - along);
      for (int64_t i = 0; i < head; ++i) {
        add_to(q_sums[t * head + i], score_g * (value(k[i]) + step.k_bias[i]));
        add_to(k_sums[s * head + i], score_g * (value(q[i]) + step.q_bias[i]));
        add_to(v_sums[s * head + i], p * keep * value(g[i]));
      }
    }
  }
  const auto put = [head](const float* from, T* to, int64_t stride, float* bias_g, int64_t rows) {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < head; ++i) {
        to[r * stride + i] = rounded<T>(from[r * head + i]);
        add_to(bias_g[i], from[r * head + i]);
      }
    }
  };
  put(q_sums, back.q_g, step.q_stride, back.q_bias_g, step.queries);
  put(k_sums, back.k_g, step.kv_stride, back.k_bias_g, tokens);
  put(v_sums, back.v_g, step.kv_stride, back.v_bias_g, tokens);
}

template <typename T>
constexpr TrainingOps<T> kScalar = {norm<T>, norm_back<T>, gelu<T>, gelu_back<T>, attention<T>, attention_back<T>};

}  // namespace

Dropout make_dropout(double p, uint64_t seed) {
  assert(p >= 0 && p < 1);
  return {seed, static_cast<uint32_t>(p * 4294967296.0), static_cast<float>(1 / (1 - p))};
}

uint32_t dropout_hash(uint64_t seed, uint32_t index) {
  uint32_t x = index + static_cast<uint32_t>(seed);
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x ^= (x >> 15) ^ static_cast<uint32_t>(seed >> 32);
  x *= 0x846ca68bU;
  return x ^ (x >> 16);
}

int64_t attention_step_scratch(int64_t tokens, int64_t head) {
  constexpr int64_t kPad = 32;  // floats: as wide as a tile on any target
  const int64_t keys = ceil_div(tokens, kPad) * kPad;
  const int64_t width = ceil_div(head, kPad) * kPad;
  return keys * (keys + 8 * width + kTileRows + 2) + kTileRows * width;
}

template <typename T>
const TrainingOps<T>& scalar_training_ops() {
  return kScalar<T>;
}
template const TrainingOps<float>& scalar_training_ops();
template const TrainingOps<uint16_t>& scalar_training_ops();

template <typename T>
const TrainingOps<T>& training_ops_for(Target target) {
  const TrainingOps<T>* ops = simd_training_ops<T>(target);
  return ops == nullptr ? kScalar<T> : *ops;
}
template const TrainingOps<float>& training_ops_for(Target target);
template const TrainingOps<uint16_t>& training_ops_for(Target target);

}  // namespace nxm
