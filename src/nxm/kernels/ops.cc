// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/ops.h"

#include <algorithm>
#include <cmath>

#include "nxm/kernels/avx512.h"
#include "nxm/kernels/code.h"
#include "nxm/kernels/reference.h"
#include "nxm/kernels/tile.h"

namespace nxm {
namespace {

void add_layer_norm(float* x, const float* residual, const float* weight, const float* bias, float eps, int64_t rows,
                    int64_t width) noexcept {
  for (int64_t r = 0; r < rows; ++r, x += width) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) {
      if (residual != nullptr) x[i] += residual[r * width + i];
      sum += x[i];
    }
    const double mean = sum / static_cast<double>(width);
    double squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += (x[i] - mean) * (x[i] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(width) + eps);
    for (int64_t i = 0; i < width; ++i) x[i] = static_cast<float>((x[i] - mean) * scale * weight[i] + bias[i]);
  }
}

void gelu(float* x, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(0.5 * x[i] * (1 + std::erf(x[i] / std::sqrt(2.0))));
}

void tanh(float* x, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) x[i] = std::tanh(x[i]);
}

void attention(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t out_stride,
               int64_t tokens, int64_t head, float* scratch) noexcept {
  const double scale = 1 / std::sqrt(static_cast<double>(head));
  for (int64_t t = 0; t < tokens; ++t) {
    float* scores = scratch;
    for (int64_t s = 0; s < tokens; ++s) {
      double dot = 0;
      for (int64_t i = 0; i < head; ++i) dot += static_cast<double>(q[t * stride + i]) * k[s * stride + i];
      scores[s] = static_cast<float>(dot * scale);
    }
    const float largest = *std::max_element(scores, scores + tokens);
    double sum = 0;
    for (int64_t s = 0; s < tokens; ++s) sum += scores[s] = std::exp(scores[s] - largest);
    for (int64_t i = 0; i < head; ++i) {
      double mixed = 0;
      for (int64_t s = 0; s < tokens; ++s) mixed += static_cast<double>(scores[s]) * v[s * stride + i];
      out[t * out_stride + i] = static_cast<float>(mixed / sum);
    }
  }
}

}  // namespace

const Ops kScalarOps = {add_layer_norm, gelu, tanh, attention};

int64_t attention_scratch(int64_t tokens, int64_t head) {
  constexpr int64_t kPad = 32;  // floats: as wide as a tile on any target
  const int64_t keys = (tokens + kPad - 1) / kPad * kPad;
  const int64_t width = (head + kPad - 1) / kPad * kPad;
  const int64_t f32 = head * keys + tokens * width + kTileRows * (keys + width);
  return std::max(f32, keys * width + avx512::kMostQueries * (keys + width) * 3 / 2);
}

const Ops& ops_for(Target target) {
  const Ops* ops = simd_ops(target);
  return ops == nullptr ? kScalarOps : *ops;
}

}  // namespace nxm
