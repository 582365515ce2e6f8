// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "nxm/kernels/code.h"
#include "nxm/kernels/int8.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/int8_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/math-inl.h"

#if NXM_SIMD && HWY_TARGET != HWY_AVX3  // which has avx512_simd.cc
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using D = hn::CappedTag<float, kInt8Panel>;  // a panel is one vector or, with narrower ones, two
using I = hn::RebindToSigned<D>;
using Bytes = hn::Repartition<uint8_t, D>;
using Sums = hn::Vec<I>;
constexpr D kD;
constexpr I kI;
constexpr Bytes kBytes;
constexpr int64_t kLanes = HWY_MIN(static_cast<int64_t>(HWY_LANES(float)), kInt8Panel);

/// sum + the sums of four products each; Highway 1.0 knows no such. 7 bits by 8 bits: two products fit 16 bits.
/// kDotprod: with the one instruction that AVX-VNNI (for x of 8 bits) and Arm v8.2 (for signed x: of 7 bits) have for
/// it.
template <bool kDotprod>
HWY_INLINE Sums dot(Sums sum, hn::Vec<Bytes> x, hn::Vec<Bytes> w) {
#if HWY_TARGET == HWY_AVX2
  if constexpr (kDotprod) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.raw) : "x"(x.raw), "x"(w.raw));
    return sum;
  }
  const __m256i pairs = _mm256_maddubs_epi16(x.raw, w.raw);
  return Sums{_mm256_add_epi32(sum.raw, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))};
#else
  if constexpr (kDotprod) {
    asm(".arch armv8.2-a+dotprod\n\tsdot %0.4s, %1.16b, %2.16b" : "+w"(sum.raw) : "w"(x.raw), "w"(w.raw));
    return sum;
  }
  const int8x16_t a = vreinterpretq_s8_u8(x.raw), b = vreinterpretq_s8_u8(w.raw);
  return Sums{vpadalq_s16(sum.raw, vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8(a, b)))};
#endif
}

HWY_INLINE hn::Vec<Bytes> load(const void* p) { return hn::LoadU(kBytes, static_cast<const uint8_t*>(p)); }

// The steps of some of a panel's outputs: those from `part` on, as many as a vector holds.
template <int kTokens, bool kDotprod>
HWY_INLINE void dense_steps(const Int8Layout& w, const Int8Rows& x, const int8_t* weights, Sums (&sum)[kTokens]) {
  for (int64_t s = 0; s < w.steps; ++s, weights += kStepBytes) {
    const auto ws = load(weights);
    const uint8_t* place = x.x + s * kStepWeights;
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      int32_t four;
      std::memcpy(&four, place + t * x.stride, sizeof(four));
      sum[t] = dot<kDotprod>(sum[t], hn::BitCast(kBytes, hn::Set(kI, four)), ws);
    }
  }
}

template <int kTokens, bool kDotprod>
HWY_INLINE void sparse_steps(const Int8Layout& w, const Int8Rows& x, const int8_t* weights, const uint8_t* places,
                             Sums (&sum)[kTokens]) {
  const hn::Repartition<uint16_t, D> d16;
  const auto low = hn::Set(kBytes, 15);
  const auto step = [&](int32_t offset, hn::Vec<Bytes> place, hn::Vec<Bytes> ws) HWY_ATTR {
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const auto window = hn::LoadDup128(kBytes, x.x + offset + t * x.stride);
      sum[t] = dot<kDotprod>(sum[t], hn::TableLookupBytes(window, place), ws);
    }
  };
  for (int64_t s = 0; s < w.steps; s += 2, weights += 2 * kStepBytes, places += kStepBytes) {
    const auto both = load(places);
    const auto high = hn::BitCast(kBytes, hn::ShiftRight<4>(hn::BitCast(d16, both)));
    step(w.offsets[s], hn::And(both, low), load(weights));
    step(w.offsets[s + 1], hn::And(high, low), load(weights + kStepBytes));
  }
}

/// y = scale_x scale_w (sum - zero sum_w) + bias
template <int kTokens>
HWY_INLINE void write(const Int8Layout& w, const Int8Rows& x, int64_t column, int64_t width, const float* bias,
                      bool with_gelu, const Sums (&sum)[kTokens], float* y) {
  HWY_ALIGN float edge[kInt8Panel] = {};
  if (bias != nullptr) std::copy_n(bias + column, width, edge);
  const auto bias8 = hn::Load(kD, edge);
  const Sums sums = hn::LoadU(kI, w.sums + column);
  const auto scales = hn::LoadU(kD, w.scales + column);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const Sums exact = hn::Sub(sum[t], hn::Mul(hn::Set(kI, x.by[t].zero), sums));
    const auto scale = hn::Mul(hn::Set(kD, x.by[t].scale), scales);
    auto out = hn::MulAdd(scale, hn::ConvertTo(kD, exact), bias8);
    if (with_gelu) out = gelu(kD, out);
    float* place = y + t * w.outputs + column;
    if (width == kLanes) {
      hn::StoreU(out, kD, place);
    } else {
      hn::Store(out, kD, edge);
      std::copy_n(edge, width, place);
    }
  }
}

template <int kTokens, bool kDotprod>
HWY_NOINLINE void tile_of(const Int8Layout& w, const Int8Rows& x, int64_t panel, const float* bias, bool with_gelu,
                          float* y) {
  for (int64_t part = 0; part < kInt8Panel; part += kLanes) {
    const int64_t column = panel * kInt8Panel + part;
    const int64_t width = std::min(kLanes, w.outputs - column);
    if (width <= 0) return;
    Sums sum[kTokens];
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) sum[t] = hn::Zero(kI);
    const int64_t first = part * kStepWeights;  // of a step's bytes
    const int8_t* weights = w.weights + panel * w.steps * kStepBytes + first;
    if (w.places == nullptr) {
      dense_steps<kTokens, kDotprod>(w, x, weights, sum);
    } else {
      sparse_steps<kTokens, kDotprod>(w, x, weights, w.places + panel * (w.steps / 2) * kStepBytes + first, sum);
    }
    write<kTokens>(w, x, column, width, bias, with_gelu, sum, y);
  }
}

template <bool kDotprod>
void panel(const Int8Layout& w, const Int8Rows& x, int64_t p, int64_t tile, const float* bias, bool with_gelu,
           float* y) noexcept {
  static constexpr void (*kTiles[])(const Int8Layout&, const Int8Rows&, int64_t, const float*, bool, float*) = {
      tile_of<1, kDotprod>, tile_of<2, kDotprod>, tile_of<3, kDotprod>, tile_of<4, kDotprod>,
      tile_of<5, kDotprod>, tile_of<6, kDotprod>, tile_of<7, kDotprod>, tile_of<kInt8Tokens, kDotprod>};
  for (int64_t r = 0; r < x.rows; r += tile) {
    const int64_t tokens = std::min(tile, x.rows - r);
    kTiles[tokens - 1](w, {x.x + r * x.stride, x.stride, x.by + r, tokens}, p, bias, with_gelu, y + r * w.outputs);
  }
}

void quantize(const float* x, int64_t n, int levels, uint8_t* q, Quantized* by) noexcept {
  auto low8 = hn::Zero(kD);
  auto high8 = low8;
  auto bad8 = low8;  // x * 0: NaN where x is not finite, which min and max may pass over
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto v = hn::LoadU(kD, x + i);
    low8 = hn::Min(v, low8);
    high8 = hn::Max(v, high8);
    bad8 = hn::MulAdd(v, hn::Zero(kD), bad8);
  }
  float low = hn::GetLane(hn::MinOfLanes(kD, low8));
  float high = hn::GetLane(hn::MaxOfLanes(kD, high8));
  float bad = hn::GetLane(hn::SumOfLanes(kD, bad8));
  for (; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
    bad += x[i] * 0;
  }
  *by = quantization(low, high, levels);
  by->scale += bad;
  const float inverse = 1 / by->scale;
  const auto inverse8 = hn::Set(kD, inverse);
  const auto zero8 = hn::Set(kI, by->zero);
  const auto most = hn::Set(kI, levels);
  const hn::Rebind<uint8_t, D> narrow;
  for (i = 0; i + kLanes <= n; i += kLanes) {
    const Sums whole = hn::Add(hn::NearestInt(hn::Mul(hn::LoadU(kD, x + i), inverse8)), zero8);
    hn::StoreU(hn::DemoteTo(narrow, hn::Min(whole, most)), narrow, q + i);
  }
  for (; i < n; ++i) q[i] = quantized(x[i], inverse, by->zero, levels);
}

}  // namespace

const Int8Code kInt8 = {quantize, panel<false>};
const Int8Code kInt8Dotprod = {quantize, panel<true>};

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace nxm {

const Int8Code* int8_code(Target target) {
#if HWY_TARGETS & HWY_NEON
  if (target == Target::kNeonDotprod) return &N_NEON::kInt8Dotprod;
#endif
#if HWY_TARGETS & HWY_AVX2
  if (target == Target::kAvxVnni) return &N_AVX2::kInt8Dotprod;
#endif
  switch (target) {
    NXM_CASE_AVX2(kInt8)
    NXM_CASE_NEON(kInt8)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
