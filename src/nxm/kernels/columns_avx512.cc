// SPDX-License-Identifier: Apache-2.0
// N:M products in f32, of f32 or bf16 weights, with tokens in the lanes: a kept weight, broadcast, meets the row of x^T
// that its place names. No shuffle is needed, so that a kept weight costs a little more than a dense one and there are
// half as many: for tokens enough to fill several vectors. Loads bound it, of x^T from the first-level cache. The
// layout of the weights is that of the other products (avx512.h), not paired.
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

/// Windows of x^T that stay in the first-level cache while a group's outputs go by: 24 KiB or less.
constexpr int64_t block_windows(int vectors) { return 24 / vectors; }
/// Outputs at a time: while the sums of one wait for the last products, and for memory, those of the other go on.
constexpr int lanes_of(int vectors) { return vectors > 4 ? 2 : 4; }

/// The sums of a group's outputs, (32, columns).
using Sums = float[kSparseGroup * kPanel][kMostColumns];

/// Adds windows [first, last) to the sums of lanes_of() outputs.
template <int kWeights, int kVectors, int kSteps>
HWY_INLINE void add_lanes(const ColumnsTask& t, int64_t panel, int64_t lane, int64_t first, int64_t last,
                          float (*sums)[kMostColumns]) {
  constexpr int kLanes = lanes_of(kVectors);
  const Layout& w = t.weights;
  __m512 sum[kLanes][kVectors];
#pragma GCC unroll 4
  for (int l = 0; l < kLanes; ++l) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sum[l][v] = first == 0 ? _mm512_setzero_ps() : _mm512_load_ps(sums[l] + v * kPanel);
    }
  }
  const int64_t window = t.group * w.windows + first;
  const uint32_t* places = w.places + (window * kSparseGroup + panel) * kPanel + lane;
  const uint32_t* weight = w.weights + (window * kSteps * kSparseGroup + panel) * kPanel + lane;
  const float* x = t.x + first * t.window * kVectors * kPanel;
  for (int64_t n = first; n < last; ++n, x += t.window * kVectors * kPanel, places += kSparseGroup * kPanel) {
    uint64_t rest[kLanes];
#pragma GCC unroll 4
    for (int l = 0; l < kLanes; ++l) rest[l] = places[l];
#pragma GCC unroll 8
    for (int s = 0; s < kSteps; ++s, weight += kSparseGroup * kPanel) {
#pragma GCC unroll 4
      for (int l = 0; l < kLanes; ++l) {
        const __m512i both = _mm512_set1_epi32(static_cast<int>(weight[l]));
#pragma GCC unroll 2
        for (int h = 0; h < kWeights; ++h) {
          const float* row = x + (rest[l] >> (32 / kWeights * h) & 15) * (kVectors * kPanel);
          const __m512 factor = weight_of<kWeights>(both, h);
#pragma GCC unroll 8
          for (int v = 0; v < kVectors; ++v) {
            sum[l][v] = _mm512_fmadd_ps(_mm512_loadu_ps(row + v * kPanel), factor, sum[l][v]);
          }
        }
        rest[l] >>= 4;
      }
    }
  }
#pragma GCC unroll 4
  for (int l = 0; l < kLanes; ++l) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) _mm512_store_ps(sums[l] + v * kPanel, sum[l][v]);
  }
}

template <int kWeights, int kVectors, int kSteps>
HWY_NOINLINE void group_of(const ColumnsTask& t) {
  alignas(64) Sums sums;
  for (int64_t first = 0; first < t.weights.windows; first += block_windows(kVectors)) {
    const int64_t last = std::min(first + block_windows(kVectors), t.weights.windows);
    for (int64_t o = 0; o < kSparseGroup * kPanel; o += lanes_of(kVectors)) {
      add_lanes<kWeights, kVectors, kSteps>(t, o / kPanel, o % kPanel, first, last, sums + o);
    }
  }
  for (int64_t panel = 0; panel < kSparseGroup; ++panel) {
    const Finish finish(t.out, t.group * kSparseGroup + panel);
    for (int64_t from = 0; from < t.tokens; from += kPanel) {
      __m512i rows[kPanel];
#pragma GCC unroll 16
      for (int i = 0; i < kPanel; ++i) {
        rows[i] = _mm512_castps_si512(_mm512_load_ps(sums[panel * kPanel + i] + from));
      }
      transpose(rows);
      for (int64_t i = 0; i < std::min(kPanel, t.tokens - from); ++i) {
        finish.write(from + i, _mm512_castsi512_ps(rows[i]));
      }
    }
  }
}

template <int kWeights, int kVectors>
void of_vectors(const ColumnsTask& t) {
  switch (t.weights.steps) {
    case 8:
      return group_of<kWeights, kVectors, 8 / kWeights>(t);  // of two weights 4 at most
    case 4:
      return group_of<kWeights, kVectors, 4>(t);
    case 2:
      return group_of<kWeights, kVectors, 2>(t);
    default:
      return group_of<kWeights, kVectors, 1>(t);
  }
}

template <int kWeights>
HWY_INLINE void columns(const ColumnsTask& t) {
  constexpr void (*kFrom3[])(const ColumnsTask&) = {of_vectors<kWeights, 3>, of_vectors<kWeights, 4>,
                                                    of_vectors<kWeights, 5>, of_vectors<kWeights, 6>,
                                                    of_vectors<kWeights, 7>, of_vectors<kWeights, 8>};
  kFrom3[t.width / kPanel - 3](t);
}

}  // namespace

void f32_columns(const ColumnsTask& t) noexcept { columns<1>(t); }
void bf16_columns(const ColumnsTask& t) noexcept { columns<2>(t); }

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
