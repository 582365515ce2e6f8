// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/first_attention.h"

#include <algorithm>
#include <cmath>

namespace nxm {
namespace {

float dot(const float* a, const float* b, int64_t n) noexcept {
  constexpr int64_t kSums = 8;  // independent sums, so that the compiler may use vectors
  float sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (int64_t j = 0; j < kSums; ++j) sums[j] += a[i + j] * b[i + j];
  }
  float sum = 0;
  for (; i < n; ++i) sum += a[i] * b[i];
  for (const float part : sums) sum += part;
  return sum;
}

}  // namespace

void first_attention(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t tokens,
                     int64_t head, float* scores) noexcept {
  const float scale = 1 / std::sqrt(static_cast<float>(head));
  for (int64_t t = 0; t < tokens; ++t) scores[t] = scale * dot(q, k + t * stride, head);
  const float largest = *std::max_element(scores, scores + tokens);
  float sum = 0;
  for (int64_t t = 0; t < tokens; ++t) sum += scores[t] = std::exp(scores[t] - largest);
  std::fill_n(out, head, 0.0F);
  for (int64_t t = 0; t < tokens; ++t) {
    const float weight = scores[t] / sum;
    for (int64_t i = 0; i < head; ++i) out[i] += weight * v[t * stride + i];
  }
}

}  // namespace nxm
