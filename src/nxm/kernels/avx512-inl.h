// SPDX-License-Identifier: Apache-2.0
// What the products on AVX-512 and those on AMX share: from sums to y. Highway's include guard.

#if defined(NXM_KERNELS_AVX512_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NXM_KERNELS_AVX512_INL_H_
#undef NXM_KERNELS_AVX512_INL_H_
#else
#define NXM_KERNELS_AVX512_INL_H_
#endif

#include <hwy/highway.h>

#include "nxm/kernels/avx512.h"
#include "nxm/kernels/math-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {

using Lanes = hn::CappedTag<float, avx512::kPanel>;

/// Weight `i` of those whose 32 bits each lane has, as f32: all of them, or of two bf16 the lower or the upper.
template <int kWeights>
HWY_INLINE __m512 weight_of(__m512i lanes, int i) {
  if (kWeights == 1) return _mm512_castsi512_ps(lanes);
  return _mm512_castsi512_ps(i == 0 ? _mm512_slli_epi32(lanes, 16)
                                    : _mm512_and_si512(lanes, _mm512_set1_epi32(static_cast<int>(0xFFFF0000U))));
}

/// The lowest n lanes.
HWY_INLINE __mmask16 first_lanes(int64_t n) {
  return static_cast<__mmask16>(n < avx512::kPanel ? (1U << n) - 1 : 0xFFFFU);
}

/// rows[i] lane j <-> rows[j] lane i
HWY_INLINE void transpose(__m512i (&rows)[16]) {
  __m512i a[16], b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    a[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
#pragma GCC unroll 16
  for (int half = 0; half < 16; half += 8) {
#pragma GCC unroll 16
    for (int i = half; i < half + 4; ++i) {
      a[i] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88);
      a[i + 4] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xDD);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < 8; ++i) {
    rows[i] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0xDD);
  }
}

/// From the sums of a panel to y. int8: scale_x scale_w (sum - zero sum_w).
class Finish {
 public:
  HWY_INLINE Finish(const avx512::Output& out, int64_t panel)
      : out_(out), first_(panel * avx512::kPanel), width_(out.outputs - first_) {
    if (out.bias != nullptr && width_ > 0) bias_ = _mm512_maskz_loadu_ps(first_lanes(width_), out.bias + first_);
    if (out.by == nullptr) return;
    sums_ = _mm512_loadu_si512(out.sums + first_);
    scales_ = _mm512_loadu_ps(out.scales + first_);
  }
  HWY_INLINE void write(int64_t token, __m512 sum) const { store(token, _mm512_add_ps(sum, bias_)); }
  HWY_INLINE void write(int64_t token, __m512i sum) const {
    const __m512i zero = _mm512_mullo_epi32(_mm512_set1_epi32(out_.by[token].zero), sums_);
    const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(out_.by[token].scale), scales_);
    store(token, _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, zero)), bias_));
  }

 private:
  HWY_INLINE void store(int64_t token, __m512 y) const {
    if (out_.gelu) y = gelu(Lanes(), hn::Vec<Lanes>{y}).raw;
    float* place = out_.y + token * out_.outputs + first_;
    if (width_ >= avx512::kPanel) {
      _mm512_storeu_ps(place, y);
    } else if (width_ > 0) {
      _mm512_mask_storeu_ps(place, first_lanes(width_), y);
    }
  }

  const avx512::Output& out_;
  int64_t first_, width_;
  __m512 bias_ = _mm512_setzero_ps(), scales_ = bias_;
  __m512i sums_ = _mm512_setzero_si512();
};

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif
