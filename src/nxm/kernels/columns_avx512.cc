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
/// Windows of x^T that stay in the second-level cache while groups go by: 48 KiB for each vector of tokens. Whole
/// blocks of block_windows(), whatever the vectors.
constexpr int64_t kFarWindows = 48;
/// Outputs at a time: while the sums of one wait for the last products, and for memory, those of the other go on.
constexpr int lanes_of(int vectors) { return vectors > 4 ? 2 : 4; }

/// The sums of a group's outputs, (32, columns).
using Sums = float[kSparseGroup * kPanel][kMostColumns];

/// Into the cache of that level.
template <int kLevel>
HWY_INLINE void fetch(const void* p) {
  __builtin_prefetch(p, 0, 4 - kLevel);
}

/// Adds windows [first, last) to the sums of lanes_of() outputs of a group, from `output` on.
template <int kWeights, int kVectors, int kSteps>
HWY_INLINE void add_lanes(const ColumnsTask& t, int64_t group, int64_t output, int64_t first, int64_t last,
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
  const int64_t window = group * w.windows + first, panel = output / kPanel, lane = output % kPanel;
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
          asm("" : "+r"(row));  // an address of two registers would cost each product a step more on Intel
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

/// From a group's sums, tokens in the lanes, to y.
void finish_columns(const Output& out, int64_t group, int64_t tokens, const Sums& sums) {
  const Finish finish[] = {{out, group * kSparseGroup}, {out, group * kSparseGroup + 1}};
  const float* y = out.y + group * kSparseGroup * kPanel;
  for (int64_t from = 0; from < tokens; from += kPanel) {
    const int64_t next = std::min(kPanel, tokens - from - kPanel);
    for (int64_t i = 0; i < next; ++i) {  // y is far away
      for (int64_t p = 0; p < kSparseGroup; ++p) fetch<1>(y + (from + kPanel + i) * out.outputs + p * kPanel);
    }
    for (int64_t panel = 0; panel < kSparseGroup; ++panel) {
      __m512i rows[kPanel];
#pragma GCC unroll 16
      for (int i = 0; i < kPanel; ++i) {
        rows[i] = _mm512_castps_si512(_mm512_load_ps(sums[panel * kPanel + i] + from));
      }
      transpose(rows);
      for (int64_t i = 0; i < std::min(kPanel, tokens - from); ++i) {
        finish[panel].write(from + i, _mm512_castsi512_ps(rows[i]));
      }
    }
  }
}

template <int kWeights, int kVectors, int kSteps>
HWY_NOINLINE void groups_of(const ColumnsTask& t) {
  constexpr int64_t kOutputs = kSparseGroup * kPanel, kStrip = block_windows(kVectors);
  const int64_t windows = t.weights.windows;
  alignas(64) Sums sums[kMostGroups];
  for (int64_t begin = 0; begin < windows; begin += kFarWindows) {
    const int64_t end = std::min(begin + kFarWindows, windows);
    for (int64_t g = 0; g < t.groups; ++g) {
      for (int64_t first = begin; first < end; first += kStrip) {
        const int64_t last = std::min(first + kStrip, end);
        // The windows that come next are fetched on the side, from far away perhaps.
        int64_t next = (t.group + g) * windows + last;
        if (last == end && g + 1 < t.groups) next += windows - (end - begin);
        if (last == end && g + 1 == t.groups && end < windows) next = t.group * windows + end;
        const uint32_t* next_weights = t.weights.weights + next * kSteps * kOutputs;
        const uint32_t* next_places = t.weights.places + next * kOutputs;
        for (int64_t o = 0; o < kOutputs; o += lanes_of(kVectors)) {
          const int64_t from = o * kStrip, to = (o + lanes_of(kVectors)) * kStrip;
          for (int64_t i = from * kSteps; i < to * kSteps; i += kPanel) fetch<2>(next_weights + i);
          for (int64_t i = from; i < to; i += kPanel) fetch<2>(next_places + i);
          add_lanes<kWeights, kVectors, kSteps>(t, t.group + g, o, first, last, sums[g] + o);
        }
      }
    }
  }
  for (int64_t g = 0; g < t.groups; ++g) finish_columns(t.out, t.group + g, t.tokens, sums[g]);
}

template <int kWeights, int kVectors>
void of_vectors(const ColumnsTask& t) {
  switch (t.weights.steps) {
    case 8:
      return groups_of<kWeights, kVectors, 8 / kWeights>(t);  // of two weights 4 at most
    case 4:
      return groups_of<kWeights, kVectors, 4>(t);
    case 2:
      return groups_of<kWeights, kVectors, 2>(t);
    default:
      return groups_of<kWeights, kVectors, 1>(t);
  }
}

template <int kWeights>
HWY_INLINE void columns(const ColumnsTask& t) {
  constexpr void (*kFrom3[])(const ColumnsTask&) = {of_vectors<kWeights, 3>, of_vectors<kWeights, 4>,
                                                    of_vectors<kWeights, 5>, of_vectors<kWeights, 6>,
                                                    of_vectors<kWeights, 7>, of_vectors<kWeights, 8>};
  kFrom3[t.width / kPanel - 3](t);
}

/// sum + x w, here and not where the compiler would like it: products that shuffles feed and products that loads feed
/// take turns, or the CPU's queues fill up with one kind.
HWY_INLINE void add_product(__m512& sum, __m512 x, __m512 w) {
  sum = _mm512_fmadd_ps(x, w, sum);
  asm volatile("" : "+v"(sum));
}

/// 16 kVectors tokens go by shuffles, four at a time by two panels, and as many take the lanes, kLanes outputs at a
/// time and strip by strip of x^T. A window is 8 products a step to either, and in the end each has added as many
/// windows. (One function: cut in two, GCC 12 keeps sums on the stack, which takes 15 % more time.)
template <int kVectors, int kSteps>
HWY_NOINLINE void mixed_group(const MixedTask& t) {
  constexpr int kRows = 4, kPanels = kSparseGroup;
  constexpr int kProducts = kRows * kPanels, kLanes = kProducts / kVectors;
  constexpr int64_t kWidth = kVectors * kPanel;
  constexpr int64_t kStrip = 16 * kPanel / kWidth;  // windows of x^T, 16 KiB, that stay in the first-level cache
  constexpr int64_t kStepWeights = kPanels * kPanel;
  const Layout& w = t.weights;
  const int64_t group_places = w.windows * kStepWeights, group_weights = group_places * kSteps;
  const uint32_t* const weights = w.weights + t.group * group_weights;
  const uint32_t* const places = w.places + t.group * group_places;
  const int64_t window_columns = t.window * kWidth;
  alignas(64) Sums sums;  // of those who take the lanes

  __m512 of_rows[kRows][kPanels], of_lanes[kLanes][kVectors];
  const auto clear_rows = [&]() HWY_ATTR {
#pragma GCC unroll 16
    for (int i = 0; i < kProducts; ++i) of_rows[i / kPanels][i % kPanels] = _mm512_setzero_ps();
  };
  clear_rows();
#pragma GCC unroll 16
  for (int i = 0; i < kProducts; ++i) of_lanes[i / kVectors][i % kVectors] = _mm512_setzero_ps();

  int64_t row = 0, n = 0;                // of the rows: the token and the window
  int64_t output = 0, first = 0, m = 0;  // of the lanes: the output, where the strip begins and the window
  while (row < kWidth) {
    const int64_t last = std::min(first + kStrip, w.windows);  // of the strip
    const int64_t together = std::min(w.windows - n, last - m);
    const std::byte* x = t.x + row * t.stride + n * t.window * static_cast<int64_t>(sizeof(float));
    const uint32_t* row_weights = weights + n * kSteps * kStepWeights;
    const uint32_t* row_places = places + n * kStepWeights;
    const float* columns = t.columns + m * window_columns;
    const uint32_t* lane_weights = weights + m * kSteps * kStepWeights + output;
    const uint32_t* lane_places = places + m * kStepWeights + output;
    const bool last_rows = row + kRows == kWidth;
    for (int64_t i = 0; i < together; ++i) {
      if (last_rows) {  // the next group is fetched on the side, from far away perhaps
#pragma GCC unroll 16
        for (int k = 0; k < kSteps * kPanels; ++k) fetch<2>(row_weights + group_weights + k * kPanel);
#pragma GCC unroll 16
        for (int p = 0; p < kPanels; ++p) fetch<2>(row_places + group_places + p * kPanel);
      }
      __m512i line[kRows], place[kPanels];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) line[r] = _mm512_loadu_si512(x + r * t.stride);
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) place[p] = _mm512_loadu_si512(row_places + p * kPanel);
      uint64_t rest[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) rest[l] = lane_places[l];
#pragma GCC unroll 16
      for (int s = 0; s < kSteps; ++s) {
        __m512 weight[kPanels];
#pragma GCC unroll 16
        for (int p = 0; p < kPanels; ++p) weight[p] = _mm512_loadu_ps(row_weights + p * kPanel);
        __m512 factor;
        const float* from;
#pragma GCC unroll 16
        for (int j = 0; j < kProducts; ++j) {
          const int r = j / kPanels, p = j % kPanels, l = j / kVectors, v = j % kVectors;
          __m512i selected = _mm512_permutexvar_epi32(place[p], line[r]);
          asm volatile("" : "+v"(selected));  // as in add_product()
          if (v == 0) {
            factor = _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(lane_weights[l])));
            from = columns + (rest[l] >> (4 * s) & 15) * kWidth;
          }
          add_product(of_lanes[l][v], _mm512_loadu_ps(from + v * kPanel), factor);
          add_product(of_rows[r][p], _mm512_castsi512_ps(selected), weight[p]);
        }
#pragma GCC unroll 16
        for (int p = 0; p < kPanels; ++p) place[p] = _mm512_srli_epi32(place[p], 4);
        row_weights += kStepWeights;
        lane_weights += kStepWeights;
      }
      x += t.window * sizeof(float);
      columns += window_columns;
      row_places += kStepWeights;
      lane_places += kStepWeights;
    }
    n += together;
    m += together;
    if (n == w.windows) {
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) {
        const Finish finish(t.out, t.group * kPanels + p);
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) finish.write(row + r, of_rows[r][p]);
      }
      clear_rows();
      row += kRows;
      n = 0;
    }
    if (m == last) {
#pragma GCC unroll 16
      for (int i = 0; i < kProducts; ++i) {
        _mm512_store_ps(sums[output + i / kVectors] + i % kVectors * kPanel, of_lanes[i / kVectors][i % kVectors]);
      }
      output += kLanes;
      if (output == kStepWeights) {
        output = 0;
        first = last;
      }
      m = first;
#pragma GCC unroll 16
      for (int i = 0; i < kProducts; ++i) {
        const float* sum = sums[output + i / kVectors] + i % kVectors * kPanel;
        of_lanes[i / kVectors][i % kVectors] = first == 0 ? _mm512_setzero_ps() : _mm512_load_ps(sum);
      }
    }
  }
  Output out = t.out;
  out.y += kWidth * out.outputs;
  finish_columns(out, t.group, kWidth, sums);
}

template <int kVectors>
HWY_INLINE void mixed_steps(const MixedTask& t) {
  t.weights.steps == 8 ? mixed_group<kVectors, 8>(t) : mixed_group<kVectors, 4>(t);
}

}  // namespace

void f32_mixed(const MixedTask& t) noexcept {
  switch (t.tokens / kPanel) {
    case 8:
      return mixed_steps<4>(t);
    case 4:
      return mixed_steps<2>(t);
    default:
      return mixed_steps<1>(t);
  }
}

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
      fetch<1>(x + i * inputs + k + 2 * kPanel);
    }
    transpose(rows);
    for (int64_t i = 0; i < std::min(kPanel, columns - k); ++i) _mm512_storeu_si512(out + (k + i) * width, rows[i]);
  }
}

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
