// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "nxm/kernels/avx512.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/avx512_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/avx512-inl.h"

#if HWY_TARGET == HWY_AVX3
// Highway's HWY_BEFORE_NAMESPACE(), and what Highway 1.0 does not know. Which function needs which is for the table of
// kernels to know.
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512vnni,avx512bf16,avx512vbmi")
namespace nxm::HWY_NAMESPACE {
namespace {

using avx512::Layout;
using avx512::Task;

constexpr int64_t kPanel = avx512::kPanel;

/// What differs between the precisions. A lane's kWeights weights meet kAtOnce activations in one product. `line`:
/// kWindows windows of x, filling a vector. `places_in`: what the lowest 4 bits of each weight's place say of window j,
/// for `select` to take it from the line; `places >> 4` has the next step's. Where weights go one by one, `weight` and
/// `place` give the i-th.
struct F32 {
  using Sum = __m512;
  static constexpr int64_t kWeights = 1, kAtOnce = 1, kWindows = 1;
  static HWY_INLINE Sum zero() { return _mm512_setzero_ps(); }
  static HWY_INLINE __m512i line(const std::byte* x) { return _mm512_loadu_si512(x); }
  static HWY_INLINE __m512i places_in(__m512i places, int /*window*/) { return places; }
  static HWY_INLINE __m512i select(__m512i window, __m512i places) { return _mm512_permutexvar_epi32(places, window); }
  static HWY_INLINE Sum dot(Sum sum, __m512i x, __m512i w) {
    return _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(w), sum);
  }
  static HWY_INLINE Sum add(Sum a, Sum b) { return _mm512_add_ps(a, b); }
  static HWY_INLINE __m512i weight(__m512i lanes, int /*i*/) { return lanes; }
  static HWY_INLINE __m512i place(__m512i places, int /*i*/) { return places; }
};

/// bf16 weights, expanded in registers; all else as in f32.
struct WideBF16 : F32 {
  static constexpr int64_t kWeights = 2;
  static HWY_INLINE __m512i weight(__m512i lanes, int i) { return _mm512_castps_si512(weight_of<2>(lanes, i)); }
  static HWY_INLINE __m512i place(__m512i places, int i) { return i == 0 ? places : _mm512_srli_epi32(places, 16); }
};

/// The lowest 4 bits of places of `bits` each, and before them the window.
template <int bits>
HWY_INLINE __m512i whole_places(__m512i places, int window) {
  const int ones = bits == 16 ? 0x00010001 : 0x01010101;
  constexpr int kAandBorC = 0xEA;
  return _mm512_ternarylogic_epi32(places, _mm512_set1_epi32(15 * ones), _mm512_set1_epi32(16 * window * ones),
                                   kAandBorC);
}

struct BF16 : F32 {
  static constexpr int64_t kWeights = 2, kAtOnce = 2, kWindows = 2;
  static HWY_INLINE __m512i places_in(__m512i places, int window) { return whole_places<16>(places, window); }
  static HWY_INLINE __m512i select(__m512i window, __m512i places) { return _mm512_permutexvar_epi16(places, window); }
  static HWY_INLINE Sum dot(Sum sum, __m512i x, __m512i w) {
    sum = _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);  // NOLINT: there is no other way to convert
    asm("" : "+v"(sum));                                    // as in Int8
    return sum;
  }
};

struct Int8 {
  using Sum = __m512i;
  static constexpr int64_t kWeights = 4, kAtOnce = 4, kWindows = 1;
  static HWY_INLINE Sum zero() { return _mm512_setzero_si512(); }
  static HWY_INLINE __m512i line(const std::byte* x) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
  }
  static HWY_INLINE __m512i places_in(__m512i places, int window) { return whole_places<8>(places, window); }
  static HWY_INLINE __m512i select(__m512i line, __m512i places) { return _mm512_shuffle_epi8(line, places); }
  static HWY_INLINE Sum dot(Sum sum, __m512i x, __m512i w) {
    sum = _mm512_dpbusd_epi32(sum, x, w);
    asm("" : "+v"(sum));  // keeps GCC 12 from copying the sums from register to register, and to the stack
    return sum;
  }
  static HWY_INLINE Sum add(Sum a, Sum b) { return _mm512_add_epi32(a, b); }
  static HWY_INLINE __m512i weight(__m512i lanes, int /*i*/) { return lanes; }
  static HWY_INLINE __m512i place(__m512i places, int /*i*/) { return places; }
};

/// Without AVX512-VNNI; x of 7 bits, so that two products fit 16 bits.
struct Int8In16 : Int8 {
  static HWY_INLINE Sum dot(Sum sum, __m512i x, __m512i w) {
    __m512i fours = _mm512_madd_epi16(_mm512_maddubs_epi16(x, w), _mm512_set1_epi16(1));
    asm("" : "+v"(fours));  // keeps Clang from making an instruction of AVX512-VNNI of this addition and the last one
    sum = _mm512_add_epi32(sum, fours);
    asm("" : "+v"(sum));  // as in Int8
    return sum;
  }
};

struct Int8Vbmi : Int8 {
  static constexpr int64_t kWindows = 4;
  static HWY_INLINE __m512i line(const std::byte* x) { return _mm512_loadu_si512(x); }
  static HWY_INLINE __m512i select(__m512i line, __m512i places) { return _mm512_permutexvar_epi8(places, line); }
};

HWY_INLINE __m512i load(const uint32_t* p) { return _mm512_loadu_si512(p); }

HWY_INLINE __m512i bits(__m512 v) { return _mm512_castps_si512(v); }
HWY_INLINE __m512i bits(__m512i v) { return v; }
HWY_INLINE void from_bits(__m512i v, __m512& out) { out = _mm512_castsi512_ps(v); }
HWY_INLINE void from_bits(__m512i v, __m512i& out) { out = v; }

/// Of the lanes of two vectors, those that are the first (second) half when they take turns.
template <class Sum>
HWY_INLINE void take_turns(Sum& even, Sum& odd) {
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i first = _mm512_permutex2var_epi32(bits(even), low, bits(odd));
  const __m512i second = _mm512_permutex2var_epi32(bits(even), _mm512_add_epi32(low, _mm512_set1_epi32(8)), bits(odd));
  from_bits(first, even);
  from_bits(second, odd);
}

template <class P, int kSplit, int kTokens, int kPanels>
HWY_INLINE void clear(typename P::Sum (&sum)[kSplit][kTokens][kPanels]) {
#pragma GCC unroll 16
  for (int s = 0; s < kSplit; ++s) {
#pragma GCC unroll 16
    for (int i = 0; i < kTokens; ++i) {
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) sum[s][i][p] = P::zero();
    }
  }
}

/// Adds the sums of a tile up over its parts, into the first one.
template <class P, int kSplit, int kTokens, int kPanels>
HWY_INLINE void add_up(typename P::Sum (&sum)[kSplit][kTokens][kPanels]) {
#pragma GCC unroll 16
  for (int s = 1; s < kSplit; ++s) {
#pragma GCC unroll 16
    for (int i = 0; i < kTokens; ++i) {
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p) sum[0][i][p] = P::add(sum[0][i][p], sum[s][i][p]);
    }
  }
}

/// Writes the sums of a tile to y, from token `from` on.
template <class P, int kTokens, int kPanels>
HWY_INLINE void write(const Task& t, int64_t from, const typename P::Sum (&sum)[kTokens][kPanels]) {
#pragma GCC unroll 16
  for (int p = 0; p < kPanels; ++p) {
    const Finish finish(t.out, t.group * kPanels + p);
#pragma GCC unroll 16
    for (int i = 0; i < kTokens; ++i) finish.write(from + i, sum[i][p]);
  }
}

/// With few tokens the additions of one output are spread over several sums, to hide their latency.
constexpr int split_of(int tokens, int steps) { return std::min(steps, tokens == 1 ? 4 : tokens <= 3 ? 2 : 1); }

/// `kSteps` of a window.
template <class P, int kTokens, int kSteps, bool kPaired>
HWY_NOINLINE void sparse_tile(const Task& t, int64_t from) {
  constexpr int kPanels = avx512::kSparseGroup;
  constexpr int kPlaces = kPaired ? 1 : kPanels;
  constexpr int kSplit = split_of(kTokens, kSteps);
  const Layout& w = t.weights;
  typename P::Sum sum[kSplit][kTokens][kPanels];
  clear<P>(sum);
  const int64_t group_places = w.windows * kPlaces * kPanel;
  const int64_t group_weights = w.windows * kSteps * kPanels * kPanel;
  const uint32_t* weights = w.weights + t.group * group_weights;
  const uint32_t* places = w.places + t.group * group_places;
  const std::byte* x = t.x + from * t.stride;
  // With the last tokens the next group is fetched on the side, from far away perhaps.
  const bool last = from + kTokens == t.tokens;
  const int64_t places_ahead = last ? group_places : 0, weights_ahead = last ? group_weights : 0;
  const auto fetch = [](const uint32_t* p) HWY_ATTR {
    // With few tokens there is no time to spare.
    if (kTokens > avx512::kFewTokens) _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
  };
  for (int64_t n = 0; n < w.windows; n += P::kWindows, x += P::kWindows * t.window) {
    __m512i line[kTokens];
#pragma GCC unroll 16
    for (int i = 0; i < kTokens; ++i) line[i] = P::line(x + i * t.stride);
#pragma GCC unroll 4
    for (int j = 0; j < P::kWindows; ++j) {
      __m512i place[kPlaces];
#pragma GCC unroll 16
      for (int p = 0; p < kPlaces; ++p, places += kPanel) {
        place[p] = load(places);
        fetch(places + places_ahead);
      }
#pragma GCC unroll 16
      for (int s = 0; s < kSteps; ++s) {
#pragma GCC unroll 2
        for (int h = 0; h < P::kWeights / P::kAtOnce; ++h) {
          __m512i whole[kPlaces];
#pragma GCC unroll 16
          for (int p = 0; p < kPlaces; ++p) whole[p] = P::places_in(P::place(place[p], h), j);
#pragma GCC unroll 16
          for (int i = 0; i < kTokens; ++i) {
            __m512i selected = _mm512_setzero_si512();
#pragma GCC unroll 16
            for (int p = 0; p < kPanels; ++p) {
              if (p < kPlaces) selected = P::select(line[i], whole[p]);
              auto& to = sum[s % kSplit][i][p];
              to = P::dot(to, selected, P::weight(load(weights + p * kPanel), h));
            }
          }
        }
#pragma GCC unroll 16
        for (int p = 0; p < kPlaces; ++p) place[p] = _mm512_srli_epi32(place[p], 4);
#pragma GCC unroll 16
        for (int p = 0; p < kPanels; ++p, weights += kPanel) fetch(weights + weights_ahead);
      }
    }
  }
  add_up<P>(sum);
  if constexpr (kPaired) {
#pragma GCC unroll 16
    for (int i = 0; i < kTokens; ++i) take_turns(sum[0][i][0], sum[0][i][1]);
  }
  write<P>(t, from, sum[0]);
}

template <class P, int kTokens>
HWY_NOINLINE void dense_tile(const Task& t, int64_t from) {
  constexpr int kPanels = avx512::kDenseGroup;
  constexpr int kSplit = split_of(kTokens, 4);
  const int64_t steps = t.weights.windows * t.weights.steps;
  const int64_t first = t.first * t.weights.steps, last = t.last * t.weights.steps;
  typename P::Sum sum[kSplit][kTokens][kPanels];
  clear<P>(sum);
  if (first > 0) {
    const int32_t* kept = t.sums + from * kPanels * kPanel;
#pragma GCC unroll 32
    for (int i = 0; i < kTokens * kPanels; ++i) {
      from_bits(_mm512_loadu_si512(kept + i * kPanel), sum[0][i / kPanels][i % kPanels]);
    }
  }
  const uint32_t* weights = t.weights.weights + (t.group * steps + first) * kPanels * kPanel;
  const std::byte* x = t.x + from * t.stride + first * P::kWeights / P::kAtOnce * static_cast<int64_t>(sizeof(int32_t));
  // With the last of several tiles the next group is fetched on the side, from far away perhaps.
  const int64_t ahead = from > 0 && from + kTokens == t.tokens ? steps * kPanels * kPanel : 0;
  for (int64_t n = first; n < last; n += kSplit) {  // a window's are a multiple of kSplit
#pragma GCC unroll 16
    for (int s = 0; s < kSplit; ++s) {
      constexpr int kProducts = P::kWeights / P::kAtOnce;  // of a lane's weights
#pragma GCC unroll 2
      for (int h = 0; h < kProducts; ++h, x += sizeof(int32_t)) {
        __m512i w[kPanels];
#pragma GCC unroll 16
        for (int p = 0; p < kPanels; ++p) w[p] = P::weight(load(weights + p * kPanel), h);
#pragma GCC unroll 16
        for (int i = 0; i < kTokens; ++i) {
          int32_t lane;
          __builtin_memcpy(&lane, x + i * t.stride, sizeof(lane));
          const __m512i one = _mm512_set1_epi32(lane);
#pragma GCC unroll 16
          for (int p = 0; p < kPanels; ++p) sum[s][i][p] = P::dot(sum[s][i][p], one, w[p]);
        }
      }
#pragma GCC unroll 16
      for (int p = 0; p < kPanels; ++p, weights += kPanel) {
        if (kTokens > avx512::kFewTokens) _mm_prefetch(reinterpret_cast<const char*>(weights + ahead), _MM_HINT_T1);
      }
    }
  }
  add_up<P>(sum);
  if (last == steps) return write<P>(t, from, sum[0]);
  int32_t* kept = t.sums + from * kPanels * kPanel;
#pragma GCC unroll 32
  for (int i = 0; i < kTokens * kPanels; ++i) {
    _mm512_storeu_si512(kept + i * kPanel, bits(sum[0][i / kPanels][i % kPanels]));
  }
}

using Tile = void (*)(const Task& t, int64_t from);

HWY_INLINE void tiles(const Task& t, const Tile* by_tokens) {
  for (int64_t i = 0; i < t.tokens; i += t.tile) {
    const int64_t tokens = t.tokens - i < t.tile ? t.tokens - i : t.tile;
    by_tokens[tokens - 1](t, i);
  }
}

template <class P, int kSteps, bool kPaired>
void sparse_tiles(const Task& t) {
  static constexpr Tile kTiles[] = {sparse_tile<P, 1, kSteps, kPaired>, sparse_tile<P, 2, kSteps, kPaired>,
                                    sparse_tile<P, 3, kSteps, kPaired>, sparse_tile<P, 4, kSteps, kPaired>,
                                    sparse_tile<P, 5, kSteps, kPaired>, sparse_tile<P, 6, kSteps, kPaired>,
                                    sparse_tile<P, 7, kSteps, kPaired>, sparse_tile<P, 8, kSteps, kPaired>};
  tiles(t, kTiles);
}

template <class P, int kSteps>
void sparse_steps(const Task& t) {
  return t.weights.paired ? sparse_tiles<P, kSteps, true>(t) : sparse_tiles<P, kSteps, false>(t);
}

template <class P>
void sparse(const Task& t) noexcept {
  constexpr int64_t kMost = avx512::kMostKept / P::kWeights;
  const int64_t steps = t.weights.steps;
  if constexpr (kMost >= 8) {
    if (steps == 8) return sparse_steps<P, 8>(t);
  }
  if constexpr (kMost >= 4) {
    if (steps == 4) return sparse_steps<P, 4>(t);
  }
  if (steps == 2) return sparse_steps<P, 2>(t);
  sparse_steps<P, 1>(t);
}

template <class P>
void run(const Task& t) noexcept {
  static constexpr Tile kDense[] = {dense_tile<P, 1>, dense_tile<P, 2>, dense_tile<P, 3>, dense_tile<P, 4>,
                                    dense_tile<P, 5>, dense_tile<P, 6>, dense_tile<P, 7>, dense_tile<P, 8>};
  return t.weights.places == nullptr ? tiles(t, kDense) : sparse<P>(t);
}

void to_bf16(const float* x, int64_t n, uint16_t* out) noexcept {
  for (int64_t i = 0; i < n; i += kPanel) {
    const __mmask16 mask = first_lanes(n - i);
    const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + i));  // NOLINT: as above
    _mm256_mask_storeu_epi16(out + i, mask, rounded);
  }
}

void quantize(const float* x, int64_t n, int levels, uint8_t* q, Quantized* by) noexcept {
  constexpr int kApart = 4;  // to hide latencies
  __m512 low[kApart], high[kApart];
  __m512 bad[kApart];  // x * 0: NaN where x is not finite, which min and max may pass over
  for (int k = 0; k < kApart; ++k) low[k] = high[k] = bad[k] = _mm512_setzero_ps();
  int64_t i = 0;
  for (; i + kApart * kPanel <= n; i += kApart * kPanel) {
#pragma GCC unroll 4
    for (int k = 0; k < kApart; ++k) {
      const __m512 v = _mm512_loadu_ps(x + i + k * kPanel);
      low[k] = _mm512_min_ps(v, low[k]);
      high[k] = _mm512_max_ps(v, high[k]);
      bad[k] = _mm512_fmadd_ps(v, _mm512_setzero_ps(), bad[k]);
    }
  }
  for (; i < n; i += kPanel) {
    const __m512 v = _mm512_maskz_loadu_ps(first_lanes(n - i), x + i);
    low[0] = _mm512_min_ps(v, low[0]);
    high[0] = _mm512_max_ps(v, high[0]);
    bad[0] = _mm512_fmadd_ps(v, _mm512_setzero_ps(), bad[0]);
  }
  for (int k = 1; k < kApart; ++k) {
    low[0] = _mm512_min_ps(low[0], low[k]);
    high[0] = _mm512_max_ps(high[0], high[k]);
    bad[0] = _mm512_add_ps(bad[0], bad[k]);
  }
  *by = quantization(_mm512_reduce_min_ps(low[0]), _mm512_reduce_max_ps(high[0]), levels);
  by->scale += _mm512_reduce_add_ps(bad[0]);
  const __m512 inverse = _mm512_set1_ps(1 / by->scale);
  const __m512i zero = _mm512_set1_epi32(by->zero);
  const __m512i most = _mm512_set1_epi32(levels);
  for (i = 0; i < n; i += kPanel) {
    const __mmask16 mask = first_lanes(n - i);
    const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), inverse);
    const __m512i all = _mm512_add_epi32(_mm512_cvtps_epi32(v), zero);
    const __m512i bounded = _mm512_min_epi32(_mm512_max_epi32(all, _mm512_setzero_si512()), most);
    const __m128i bytes = _mm512_cvtepi32_epi8(bounded);
    if (mask == 0xFFFFU) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(q + i), bytes);
    } else {
      _mm_mask_storeu_epi8(q + i, mask, bytes);
    }
  }
}

}  // namespace

// columns_avx512.cc
void f32_columns(const avx512::ColumnsTask& t) noexcept;
void f32_mixed(const avx512::MixedTask& t) noexcept;
void bf16_columns(const avx512::ColumnsTask& t) noexcept;
void to_columns(const float* x, int64_t inputs, int64_t tokens, int64_t columns, int64_t width, float* out) noexcept;

const avx512::Code kAvx512Code = {run<F32>,  f32_columns,   f32_mixed, run<WideBF16>,    bf16_columns, to_columns,
                                  run<BF16>, run<Int8In16>, run<Int8>, sparse<Int8Vbmi>, to_bf16,      quantize};

}  // namespace nxm::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif

#if HWY_ONCE
namespace nxm {

const avx512::Code* avx512::code() {
#if HWY_TARGETS & HWY_AVX3
  return &N_AVX3::kAvx512Code;
#else
  return nullptr;
#endif
}

}  // namespace nxm
#endif
