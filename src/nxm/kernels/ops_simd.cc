// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cassert>
#include <cmath>

#include "nxm/kernels/avx512.h"
#include "nxm/kernels/code.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/ops_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "nxm/kernels/tile-inl.h"

#if NXM_SIMD
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

/// x[i] <- f(x[i]), a vector at a time, the rest in a vector filled up with zeros.
template <class F>
HWY_INLINE void map(float* x, int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(f(hn::LoadU(kD, x + i)), kD, x + i);
  if (i == n) return;
  HWY_ALIGN float rest[kLanes] = {};
  std::copy(x + i, x + n, rest);
  hn::Store(f(hn::Load(kD, rest)), kD, rest);
  std::copy_n(rest, n - i, x + i);
}

void gelu_all(float* x, int64_t n) noexcept {
  map(x, n, [](V v) HWY_ATTR { return gelu(kD, v); });
}

void tanh_all(float* x, int64_t n) noexcept {
  map(x, n, [](V v) HWY_ATTR { return hn::Tanh(kD, v); });
}

/// The sum of f(i, x[i...]) over a row; what is beyond its end is added one by one by `rest`.
template <class F, class G>
HWY_INLINE float sum_row(int64_t width, F f, G rest) {
  V sum[2] = {hn::Zero(kD), hn::Zero(kD)};
  int64_t i = 0;
  for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
    sum[0] = hn::Add(sum[0], f(i));
    sum[1] = hn::Add(sum[1], f(i + kLanes));
  }
  float total = sum_of(hn::Add(sum[0], sum[1]));
  for (; i < width; ++i) total += rest(i);
  return total;
}

void add_layer_norm(float* x, const float* residual, const float* weight, const float* bias, float eps, int64_t rows,
                    int64_t width) noexcept {
  for (int64_t r = 0; r < rows; ++r, x += width) {
    if (residual != nullptr) {
      const float* add = residual + r * width;
      int64_t i = 0;
      for (; i + kLanes <= width; i += kLanes) {
        hn::StoreU(hn::Add(hn::LoadU(kD, x + i), hn::LoadU(kD, add + i)), kD, x + i);
      }
      for (; i < width; ++i) x[i] += add[i];
    }
    const auto load = [x](int64_t i) HWY_ATTR { return hn::LoadU(kD, x + i); };
    const float mean = sum_row(width, load, [x](int64_t i) { return x[i]; }) / static_cast<float>(width);
    const V mean_v = hn::Set(kD, mean);
    const auto square = [&](int64_t i) HWY_ATTR {
      const V d = hn::Sub(load(i), mean_v);
      return hn::Mul(d, d);
    };
    const float squares = sum_row(width, square, [&](int64_t i) { return (x[i] - mean) * (x[i] - mean); });
    const float scale = 1 / std::sqrt(squares / static_cast<float>(width) + eps);
    const V scale_v = hn::Set(kD, scale);
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) {
      const V scaled = hn::Mul(hn::Sub(load(i), mean_v), scale_v);
      hn::StoreU(hn::MulAdd(scaled, hn::LoadU(kD, weight + i), hn::LoadU(kD, bias + i)), kD, x + i);
    }
    for (; i < width; ++i) x[i] = (x[i] - mean) * scale * weight[i] + bias[i];
  }
}

/// kTileRows queries at a time: their scores against all keys, the softmax, and the mix of all values.
void attention(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t out_stride,
               int64_t tokens, int64_t head, float* scratch) noexcept {
  constexpr float kNever = -1e30F;  // score of a key that is not there
  const int64_t keys = whole_tiles(tokens);
  const int64_t width = whole_tiles(head);
  float* k_t = scratch;                       // (head, keys)
  float* scores = k_t + head * keys;          // (kTileRows, keys)
  float* mixed = scores + kTileRows * keys;   // (kTileRows, width)
  float* values = mixed + kTileRows * width;  // (tokens, width)
  transpose(k, stride, tokens, head, k_t, keys);
  for (int64_t t = 0; t < tokens; ++t) {
    std::copy_n(v + t * stride, head, values + t * width);
    std::fill(values + t * width + head, values + (t + 1) * width, 0.0F);
  }
  const float scale = 1 / std::sqrt(static_cast<float>(head));
  for (int64_t t = 0; t < tokens; t += kTileRows) {
    const int64_t rows = std::min(kTileRows, tokens - t);
    multiply(rows, head, keys, q + t * stride, stride, k_t, scores);
    float inverse[kTileRows];
    for (int64_t r = 0; r < rows; ++r) {
      std::fill(scores + r * keys + tokens, scores + (r + 1) * keys, kNever);
      inverse[r] = 1 / exp_row(scores + r * keys, keys, scale).sum;
    }
    multiply(rows, tokens, width, scores, keys, values, mixed);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < head; ++i) out[(t + r) * out_stride + i] = mixed[r * width + i] * inverse[r];
    }
  }
}

const Ops kOps = {add_layer_norm, gelu_all, tanh_all, attention};

}  // namespace
}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NXM_SIMD

#if HWY_ONCE
namespace nxm {

#if HWY_TARGETS & HWY_AVX3
namespace {

Ops with_bf16(avx512::Attention attention) {
  Ops ops = N_AVX3::kOps;
  ops.attention_bf16 = attention;
  return ops;
}

}  // namespace
#endif

const Ops* simd_ops(Target target) {
  switch (target) {
#if HWY_TARGETS & HWY_AVX3
    case Target::kAvx512Bf16: {
      static const Ops ops = with_bf16(avx512::attention_bf16());
      return &ops;
    }
    case Target::kAmx: {
      static const Ops ops = with_bf16(avx512::attention_amx());
      return &ops;
    }
    case Target::kAvx512:
    case Target::kAvx512Vnni:
      return &N_AVX3::kOps;
#endif
      NXM_CASE_AVX2(kOps)
      NXM_CASE_NEON(kOps)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
