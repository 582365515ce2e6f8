// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "nxm/kernels/code.h"
#include "nxm/kernels/int8.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/int8_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/math-inl.h"

// AVX2 alone has this: Highway 1.0 does not know products of unsigned and signed bytes. AVX-512 runs it as well.
#if HWY_TARGET == HWY_AVX2
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using D = hn::CappedTag<float, kInt8Panel>;

/// sum + the sums of four products each. 7 bits by 8 bits: two products fit 16 bits.
HWY_INLINE __m256i dot(__m256i sum, __m256i x, __m256i w, __m256i ones) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), ones));
}

HWY_INLINE __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

template <int kTokens>
HWY_INLINE void dense_steps(const Int8Layout& w, const Int8Rows& x, const int8_t* weights, __m256i (&sum)[kTokens]) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t s = 0; s < w.steps; ++s, weights += kStepBytes) {
    const __m256i ws = load(weights);
    const uint8_t* place = x.x + s * kStepWeights;
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const auto four = _mm256_castps_si256(_mm256_broadcast_ss(reinterpret_cast<const float*>(place + t * x.stride)));
      sum[t] = dot(sum[t], four, ws, ones);
    }
  }
}

template <int kTokens>
HWY_INLINE void sparse_steps(const Int8Layout& w, const Int8Rows& x, const int8_t* weights, const uint8_t* places,
                             __m256i (&sum)[kTokens]) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i low = _mm256_set1_epi8(15);
  const auto step = [&](int32_t offset, __m256i place, __m256i ws) HWY_ATTR {
#pragma GCC unroll 16
    for (int t = 0; t < kTokens; ++t) {
      const auto* from = reinterpret_cast<const __m128i*>(x.x + offset + t * x.stride);
      const __m256i window = _mm256_broadcastsi128_si256(_mm_loadu_si128(from));
      sum[t] = dot(sum[t], _mm256_shuffle_epi8(window, place), ws, ones);
    }
  };
  for (int64_t s = 0; s < w.steps; s += 2, weights += 2 * kStepBytes, places += kStepBytes) {
    const __m256i both = load(places);
    step(w.offsets[s], _mm256_and_si256(both, low), load(weights));
    step(w.offsets[s + 1], _mm256_and_si256(_mm256_srli_epi16(both, 4), low), load(weights + kStepBytes));
  }
}

/// y = scale_x scale_w (sum - zero sum_w) + bias
template <int kTokens>
HWY_INLINE void write(const Int8Layout& w, const Int8Rows& x, int64_t panel, const float* bias, bool with_gelu,
                      const __m256i (&sum)[kTokens], float* y) {
  const int64_t first = panel * kInt8Panel;
  const int64_t width = std::min(kInt8Panel, w.outputs - first);
  HWY_ALIGN float edge[kInt8Panel] = {};
  if (bias != nullptr) std::copy_n(bias + first, width, edge);
  const __m256 bias8 = _mm256_load_ps(edge);
  const __m256i sums = load(w.sums + first);
  const __m256 scales = _mm256_loadu_ps(w.scales + first);
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) {
    const __m256i exact = _mm256_sub_epi32(sum[t], _mm256_mullo_epi32(_mm256_set1_epi32(x.by[t].zero), sums));
    const __m256 scale = _mm256_mul_ps(_mm256_set1_ps(x.by[t].scale), scales);
    hn::Vec<D> out{_mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(exact), bias8)};
    if (with_gelu) out = gelu(D(), out);
    float* place = y + t * w.outputs + first;
    if (width == kInt8Panel) {
      hn::StoreU(out, D(), place);
    } else {
      hn::Store(out, D(), edge);
      std::copy_n(edge, width, place);
    }
  }
}

template <int kTokens>
HWY_NOINLINE void tile_of(const Int8Layout& w, const Int8Rows& x, int64_t panel, const float* bias, bool with_gelu,
                          float* y) {
  __m256i sum[kTokens];
#pragma GCC unroll 16
  for (int t = 0; t < kTokens; ++t) sum[t] = _mm256_setzero_si256();
  const int8_t* weights = w.weights + panel * w.steps * kStepBytes;
  if (w.places == nullptr) {
    dense_steps<kTokens>(w, x, weights, sum);
  } else {
    sparse_steps<kTokens>(w, x, weights, w.places + panel * (w.steps / 2) * kStepBytes, sum);
  }
  write<kTokens>(w, x, panel, bias, with_gelu, sum, y);
}

void panel(const Int8Layout& w, const Int8Rows& x, int64_t p, int64_t tile, const float* bias, bool with_gelu,
           float* y) noexcept {
  static constexpr void (*kTiles[])(const Int8Layout&, const Int8Rows&, int64_t, const float*, bool, float*) = {
      tile_of<1>, tile_of<2>, tile_of<3>, tile_of<4>, tile_of<5>, tile_of<6>, tile_of<7>, tile_of<kInt8Tokens>};
  for (int64_t r = 0; r < x.rows; r += tile) {
    const int64_t tokens = std::min(tile, x.rows - r);
    kTiles[tokens - 1](w, {x.x + r * x.stride, x.stride, x.by + r, tokens}, p, bias, with_gelu, y + r * w.outputs);
  }
}

void quantize(const float* x, int64_t n, int levels, uint8_t* q, Quantized* by) noexcept {
  __m256 low8 = _mm256_setzero_ps();
  __m256 high8 = low8;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    low8 = _mm256_min_ps(v, low8);
    high8 = _mm256_max_ps(v, high8);
  }
  const D d;
  float low = hn::GetLane(hn::MinOfLanes(d, hn::Vec<D>{low8}));
  float high = hn::GetLane(hn::MaxOfLanes(d, hn::Vec<D>{high8}));
  for (; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  *by = quantization(low, high, levels);
  const float inverse = 1 / by->scale;
  const __m256 inverse8 = _mm256_set1_ps(inverse);
  const __m256i zero8 = _mm256_set1_epi32(by->zero);
  const __m256i most = _mm256_set1_epi8(static_cast<char>(levels));
  const auto four = [&](const float* from) HWY_ATTR {
    return _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(from), inverse8)), zero8);
  };
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // packing works within halves
  for (i = 0; i + 32 <= n; i += 32) {
    const __m256i a = _mm256_packs_epi32(four(x + i), four(x + i + 8));
    const __m256i b = _mm256_packs_epi32(four(x + i + 16), four(x + i + 24));
    const __m256i bytes = _mm256_min_epu8(_mm256_packus_epi16(a, b), most);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q + i), _mm256_permutevar8x32_epi32(bytes, order));
  }
  for (; i < n; ++i) q[i] = quantized(x[i], inverse, by->zero, levels);
}

const Int8Code kInt8Code = {quantize, panel};

}  // namespace
}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace nxm {

const Int8Code* int8_code(Target target) {
  switch (target) {
    NXM_CASE_AVX2(kInt8Code)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
