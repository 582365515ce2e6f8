// SPDX-License-Identifier: Apache-2.0
// N:M products in f32 with tokens in the lanes: a kept weight, broadcast, meets the row of x^T that its place names. No
// shuffle is needed, so that a kept weight costs a little more than a dense one and there are half as many: for
// tokens enough to fill several vectors. Loads bound it, of x^T from the first-level cache. The layout of the weights
// is that of the other products (avx512.h), not paired.
#include <algorithm>

#include "nxm/kernels/avx512.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/columns_avx512.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/avx512-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using namespace avx512;

/// Windows of x^T that stay in the first-level cache while a panel's outputs go by: 24 KiB with the most columns.
constexpr int64_t kBlockWindows = 3;

/// The sums of a panel's outputs, (16, columns).
using Sums = float[kPanel][kMostColumns];

/// Adds windows [first, last) to the sums of one lane.
template <int kVectors, int kSteps>
HWY_INLINE void add_lane(const ColumnsTask& t, int64_t panel, int64_t lane, int64_t first, int64_t last, Sums& sums) {
  const Layout& w = t.weights;
  __m512 sum[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    sum[v] = first == 0 ? _mm512_setzero_ps() : _mm512_load_ps(sums[lane] + v * kPanel);
  }
  const int64_t word = (t.group * w.windows + first) * w.words;
  const uint32_t* places = w.places + (word * kSparseGroup + panel) * kPanel + lane;
  const auto* all = reinterpret_cast<const float*>(w.weights);
  const float* weight = all + (word * kSteps * kSparseGroup + panel) * kPanel + lane;
  const float* x = t.x + first * t.window * kVectors * kPanel;
  for (int64_t n = first; n < last; ++n, x += t.window * kVectors * kPanel) {
    for (int64_t i = 0; i < w.words; ++i, places += kSparseGroup * kPanel) {
      uint64_t rest = *places;
#pragma GCC unroll 8
      for (int s = 0; s < kSteps; ++s, rest >>= 4, weight += kSparseGroup * kPanel) {
        const float* row = x + (rest & 15) * (kVectors * kPanel);
        const __m512 factor = _mm512_set1_ps(*weight);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sum[v] = _mm512_fmadd_ps(_mm512_loadu_ps(row + v * kPanel), factor, sum[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) _mm512_store_ps(sums[lane] + v * kPanel, sum[v]);
}

template <int kVectors, int kSteps>
HWY_NOINLINE void group_of(const ColumnsTask& t) {
  alignas(64) Sums sums;
  for (int64_t panel = 0; panel < kSparseGroup; ++panel) {
    for (int64_t first = 0; first < t.weights.windows; first += kBlockWindows) {
      const int64_t last = std::min(first + kBlockWindows, t.weights.windows);
      for (int64_t lane = 0; lane < kPanel; ++lane) add_lane<kVectors, kSteps>(t, panel, lane, first, last, sums);
    }
    const Finish finish(t.out, t.group * kSparseGroup + panel);
    for (int64_t from = 0; from < t.tokens; from += kPanel) {
      __m512i rows[kPanel];
#pragma GCC unroll 16
      for (int i = 0; i < kPanel; ++i) rows[i] = _mm512_castps_si512(_mm512_load_ps(sums[i] + from));
      transpose(rows);
      for (int64_t i = 0; i < std::min(kPanel, t.tokens - from); ++i) {
        finish.write(from + i, _mm512_castsi512_ps(rows[i]));
      }
    }
  }
}

template <int kVectors>
void of_vectors(const ColumnsTask& t) {
  switch (t.weights.word_steps) {
    case 8:
      return group_of<kVectors, 8>(t);
    case 4:
      return group_of<kVectors, 4>(t);
    case 2:
      return group_of<kVectors, 2>(t);
    default:
      return group_of<kVectors, 1>(t);
  }
}

}  // namespace

void f32_columns(const ColumnsTask& t) noexcept {
  constexpr void (*kFrom6[])(const ColumnsTask&) = {of_vectors<6>, of_vectors<7>, of_vectors<8>};
  kFrom6[t.width / kPanel - 6](t);
}

void to_columns(const float* x, int64_t inputs, int64_t tokens, int64_t columns, int64_t width, float* out) noexcept {
  for (int64_t k = 0; k < columns; k += kPanel) {
    __m512i rows[kPanel];
#pragma GCC unroll 16
    for (int i = 0; i < kPanel; ++i) {
      const bool there = i < tokens && k < inputs;
      const __mmask16 mask = there ? first_lanes(inputs - k) : __mmask16{0};
      rows[i] = _mm512_castps_si512(_mm512_maskz_loadu_ps(mask, there ? x + i * inputs + k : x));
    }
    transpose(rows);
    for (int64_t i = 0; i < std::min(kPanel, columns - k); ++i) _mm512_storeu_si512(out + (k + i) * width, rows[i]);
  }
}

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
