// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "nxm/kernels/code.h"
#include "nxm/kernels/simd_targets.h"
#include "nxm/kernels/sparse_float.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/sparse_float_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/math-inl.h"

#if NXM_SIMD
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

// --- Many tokens: tokens in lanes. Per kept weight one broadcast and, for each vector of tokens, one multiply-add
// whose operand is loaded from the weight's column.

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D kD;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int64_t kVectors = 8;  // of a tile: as many sums as hide the latency of a multiply-add on two units
constexpr int64_t kTile = kVectors * kLanes;
/// Inputs at a time: a tile's part (16 KiB with 8 lanes) stays in the first-level cache while the rows go by.
constexpr int64_t kInputs = 64;
/// Panels at a time: the columns of a tile are read from the second-level cache once for so many rows.
constexpr int64_t kPanels = 16;

HWY_INLINE V broadcast(const float* w) { return hn::Set(kD, *w); }
HWY_INLINE V broadcast(const uint16_t* w) {
  return hn::BitCast(kD, hn::Set(hn::RebindToUnsigned<D>(), static_cast<uint32_t>(*w) << 16));
}

/// Some windows of kRows rows of a panel for kCount vectors of tokens.
template <typename T>
struct Strip {
  const float* x;          // first window's first column
  int64_t stride;          // floats from one column to the next
  const T* values;         // of the first row
  const uint32_t* places;  // shifted right by `shift` they begin with the first row's
  int shift;
  int64_t window, keep, windows;
  float* sums;  // (rows, tile)
};

/// kPairs: rows 2i and 2i+1 read the same columns, which are then loaded once.
template <int kRows, int kCount, bool kPairs, typename T>
HWY_INLINE void strip_of(const Strip<T>& s) {
  V sum[kRows][kCount];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kCount; ++v) sum[r][v] = hn::LoadU(kD, s.sums + r * kTile + v * kLanes);
  }
  const float* x = s.x;
  const T* w = s.values;
  const uint32_t* places = s.places;
  for (int64_t g = 0; g < s.windows; ++g, x += s.window * s.stride) {
    for (int64_t k = 0; k < s.keep; ++k, w += kSparsePanel) {
      const uint32_t place = *places++ >> s.shift;
      if constexpr (kPairs) {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; r += 2) {
          const float* column = x + (place >> (r * kPlaceBits) & 15) * s.stride;
          const V w0 = broadcast(w + r);
          const V w1 = broadcast(w + r + 1);
#pragma GCC unroll 16
          for (int v = 0; v < kCount; ++v) {
            const V xv = hn::LoadU(kD, column + v * kLanes);
            sum[r][v] = hn::MulAdd(w0, xv, sum[r][v]);
            sum[r + 1][v] = hn::MulAdd(w1, xv, sum[r + 1][v]);
          }
        }
      } else {
#pragma GCC unroll 16
        for (int r = 0; r < kRows; ++r) {
          const float* column = x + (place >> (r * kPlaceBits) & 15) * s.stride;
          const V w0 = broadcast(w + r);
#pragma GCC unroll 16
          for (int v = 0; v < kCount; ++v) {
            sum[r][v] = hn::MulAdd(w0, hn::LoadU(kD, column + v * kLanes), sum[r][v]);
          }
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kCount; ++v) hn::StoreU(sum[r][v], kD, s.sums + r * kTile + v * kLanes);
  }
}

/// All rows of a panel.
template <int kRows, int kCount, bool kPairs, typename T>
HWY_NOINLINE void panel_of(Strip<T> s) {
  for (int r = 0; r < kSparsePanel; r += kRows, s.values += kRows, s.shift += kRows * kPlaceBits) {
    strip_of<kRows, kCount, kPairs>(s);
    s.sums += kRows * kTile;
  }
}

/// With fewer vectors of tokens more rows go side by side, so that there are 7 to 12 sums.
template <typename T>
void panel(int64_t vectors, bool pairs, const Strip<T>& s) {
  if (pairs && vectors > 4) {
    panel_of<2, 4, true>(s);
    Strip<T> rest = s;
    rest.x += 4 * kLanes;
    rest.sums += 4 * kLanes;
    return panel(vectors - 4, true, rest);
  }
  switch (vectors) {
    case 1:
      return pairs ? panel_of<8, 1, true>(s) : panel_of<8, 1, false>(s);
    case 2:
      return pairs ? panel_of<4, 2, true>(s) : panel_of<4, 2, false>(s);
    case 3:
      return pairs ? panel_of<4, 3, true>(s) : panel_of<4, 3, false>(s);
    case 4:
      return pairs ? panel_of<2, 4, true>(s) : panel_of<2, 4, false>(s);
    case 5:
      return panel_of<2, 5, false>(s);
    case 6:
      return panel_of<2, 6, false>(s);
    case 7:
      return panel_of<1, 7, false>(s);
    default:
      return panel_of<1, 8, false>(s);
  }
}

/// Sums of a panel (8, tile) -> y (tokens, panel), with bias and GELU.
template <typename T>
HWY_INLINE void write_panel(const SparseTask<T>& t, int64_t p, float* sums) {
  const int64_t first = p * kSparsePanel;
  const int64_t rows = std::min(kSparsePanel, t.weights.outputs - first);
  for (int64_t r = 0; r < rows; ++r) {
    const V bias = hn::Set(kD, t.bias == nullptr ? 0.0F : t.bias[first + r]);
    for (int64_t i = 0; i < t.tokens; i += kLanes) {
      float* place = sums + r * kTile + i;
      const V y = hn::Add(hn::LoadU(kD, place), bias);
      hn::StoreU(t.gelu ? gelu(kD, y) : y, kD, place);
    }
  }
  float* y = t.y + first;
  for (int64_t i = 0; i < t.tokens; ++i) {
    for (int64_t r = 0; r < rows; ++r) y[i * t.weights.outputs + r] = sums[r * kTile + i];
  }
}

template <typename T>
void many(const SparseTask<T>& t) noexcept {
  const SparseLayout<T>& w = t.weights;
  const int64_t vectors = (t.tokens + kLanes - 1) / kLanes;
  const int64_t step = std::max<int64_t>(1, kInputs * kVectors / vectors / w.window);  // windows at a time
  HWY_ALIGN float sums[kPanels * kSparsePanel * kTile];
  for (int64_t begin = t.first_panel; begin < t.end_panel; begin += kPanels) {
    const int64_t end = std::min(begin + kPanels, t.end_panel);
    std::fill_n(sums, (end - begin) * kSparsePanel * kTile, 0.0F);
    for (int64_t g = 0; g < w.windows(); g += step) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t k = p * w.kept() + g * w.keep;
        panel<T>(vectors, w.pairs,
                 {t.x + g * w.window * vectors * kLanes, vectors * kLanes, w.values + k * kSparsePanel, w.places + k, 0,
                  w.window, w.keep, std::min(step, w.windows() - g), sums + (p - begin) * kSparsePanel * kTile});
      }
    }
    for (int64_t p = begin; p < end; ++p) write_panel(t, p, sums + (p - begin) * kSparsePanel * kTile);
  }
}

void transpose(const float* x, int64_t tokens, int64_t inputs, float* out) noexcept {
  const int64_t stride = (tokens + kLanes - 1) / kLanes * kLanes;
  for (int64_t i = 0; i < inputs; ++i) {
    for (int64_t t = 0; t < tokens; ++t) out[i * stride + t] = x[t * inputs + i];
    for (int64_t t = tokens; t < stride; ++t) out[i * stride + t] = 0;
  }
}

// --- Few tokens: outputs in lanes. A window's activations are repeated and each lane selects the one its weight meets.

using P = hn::CappedTag<float, kSparsePanel>;  // a panel is one vector or, with narrower ones, two
using W = hn::Vec<P>;
constexpr P kP;
constexpr int64_t kPLanes = HWY_MIN(kLanes, kSparsePanel);
constexpr int kParts = static_cast<int>(kSparsePanel / kPLanes);
#if HWY_TARGET == HWY_NEON
constexpr int64_t kMaxWindow = 4;
#else
constexpr int64_t kMaxWindow = 8;
#endif

/// Lane i: window[place], with the place in the low bits of lane i of `places`. What is above those bits may be
/// anything for kWindow 4 on x86, else it is zero.
template <int kWindow>
HWY_INLINE W select(const float* window, hn::Vec<hn::RebindToUnsigned<P>> places) {
  const hn::RebindToSigned<P> di;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  if constexpr (kWindow == 4) {  // Highway has but the slower selection across all lanes
    return W{_mm256_permutevar_ps(hn::LoadDup128(kP, window).raw, hn::BitCast(di, places).raw)};
  }
#endif
  static_assert(kWindow <= kMaxWindow);
  return hn::TableLookupLanes(hn::LoadU(kP, window), hn::IndicesFromVec(kP, hn::BitCast(di, places)));
}

/// One panel for kTokens tokens. With one or two tokens the windows take turns on kSplit sums, which hides latencies.
template <int kTokens, int kWindow, typename T>
HWY_NOINLINE void few_of(const SparseTask<T>& t, int64_t p, const float* x, float* y) {
  constexpr int kSplit = kTokens == 1 ? 4 : kTokens == 2 ? 2 : 1;
  const SparseLayout<T>& w = t.weights;
  const hn::RebindToUnsigned<P> du;
  const auto first_shift = hn::Mul(hn::Iota(du, 0), hn::Set(du, kPlaceBits));
  for (int part = 0; part < kParts; ++part) {
    const auto shift = hn::Add(first_shift, hn::Set(du, static_cast<uint32_t>(part * kPLanes * kPlaceBits)));
    W sum[kSplit][kTokens];
#pragma GCC unroll 16
    for (int s = 0; s < kSplit; ++s) {
#pragma GCC unroll 16
      for (int i = 0; i < kTokens; ++i) sum[s][i] = hn::Zero(kP);
    }
    const T* values = w.values + p * w.kept() * kSparsePanel + part * kPLanes;
    const uint32_t* places = w.places + p * w.kept();
    const auto step = [&](int s, int64_t g) HWY_ATTR {
      for (int64_t k = 0; k < w.keep; ++k, values += kSparsePanel) {
        auto place = hn::Shr(hn::Set(du, *places++), shift);
        if constexpr (kWindow != 4 || HWY_TARGET == HWY_NEON) place = hn::And(place, hn::Set(du, kWindow - 1));
        const W weight = load_weights(kP, values);
#pragma GCC unroll 16
        for (int i = 0; i < kTokens; ++i) {
          sum[s][i] = hn::MulAdd(weight, select<kWindow>(x + i * w.inputs + g * kWindow, place), sum[s][i]);
        }
      }
    };
    int64_t g = 0;
    for (; g + kSplit <= w.windows(); g += kSplit) {
#pragma GCC unroll 16
      for (int s = 0; s < kSplit; ++s) step(s, g + s);
    }
    for (; g < w.windows(); ++g) step(0, g);
    const int64_t column = p * kSparsePanel + part * kPLanes;
    const int64_t width = std::min(kPLanes, w.outputs - column);
    if (width <= 0) return;
    HWY_ALIGN float edge[kSparsePanel] = {};
    if (t.bias != nullptr) std::copy_n(t.bias + column, width, edge);
    const W bias = hn::Load(kP, edge);
#pragma GCC unroll 16
    for (int i = 0; i < kTokens; ++i) {
      W out = sum[0][i];
#pragma GCC unroll 16
      for (int s = 1; s < kSplit; ++s) out = hn::Add(out, sum[s][i]);
      out = hn::Add(out, bias);
      if (t.gelu) out = gelu(kP, out);
      float* place = y + i * w.outputs + column;
      if (width == kPLanes) {
        hn::StoreU(out, kP, place);
      } else {
        hn::Store(out, kP, edge);
        std::copy_n(edge, width, place);
      }
    }
  }
}

template <int kWindow, typename T>
HWY_INLINE void few_tokens(const SparseTask<T>& t, int64_t p, int64_t tokens, const float* x, float* y) {
  switch (tokens) {
    case 1:
      return few_of<1, kWindow>(t, p, x, y);
    case 2:
      return few_of<2, kWindow>(t, p, x, y);
    case 3:
      return few_of<3, kWindow>(t, p, x, y);
    case 4:
      return few_of<4, kWindow>(t, p, x, y);
    case 5:
      return few_of<5, kWindow>(t, p, x, y);
    case 6:
      return few_of<6, kWindow>(t, p, x, y);
    case 7:
      return few_of<7, kWindow>(t, p, x, y);
    default:
      return few_of<kFewTokens, kWindow>(t, p, x, y);
  }
}

template <typename T>
void few(const SparseTask<T>& t) noexcept {
  for (int64_t p = t.first_panel; p < t.end_panel; ++p) {
    for (int64_t i = 0; i < t.tokens; i += kFewTokens) {
      const int64_t tokens = std::min(kFewTokens, t.tokens - i);
      const float* x = t.x + i * t.weights.inputs;
      float* y = t.y + i * t.weights.outputs;
      if (t.weights.window == 4) {
        few_tokens<4>(t, p, tokens, x, y);
      } else {
        few_tokens<kMaxWindow>(t, p, tokens, x, y);
      }
    }
  }
}

}  // namespace

const SparseFloatCode kSparseFloat = {
    kTile, kLanes, kMaxWindow, {few<float>, many<float>}, {few<uint16_t>, many<uint16_t>}, transpose};

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NXM_SIMD

#if HWY_ONCE
namespace nxm {

const SparseFloatCode* sparse_float_code(Target target) {
  switch (target) {
    NXM_CASE_AVX2(kSparseFloat)
    NXM_CASE_AVX512(kSparseFloat)
    NXM_CASE_NEON(kSparseFloat)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
