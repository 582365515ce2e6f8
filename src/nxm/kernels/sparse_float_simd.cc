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

using P = hn::CappedTag<float, kSparsePanel>;  // a panel is one vector or, with narrower ones, two
using W = hn::Vec<P>;
constexpr P kP;
constexpr int64_t kPLanes = HWY_MIN(static_cast<int64_t>(HWY_LANES(float)), kSparsePanel);
constexpr int kParts = static_cast<int>(kSparsePanel / kPLanes);
#if HWY_TARGET == HWY_NEON
constexpr int64_t kMaxWindow = 4;
#else
constexpr int64_t kMaxWindow = 8;
#endif

/// A window's activations, four of them in each block of 128 bits.
template <int kWindow>
HWY_INLINE W load_window(const float* window) {
  static_assert(kWindow <= kMaxWindow);
  return kWindow == 4 ? hn::LoadDup128(kP, window) : hn::LoadU(kP, window);
}

/// Lane i: the activation at the place in the low bits of lane i of `places`. What is above those bits may be anything
/// for kWindow 4 on x86, else it is zero.
template <int kWindow>
HWY_INLINE W select(W window, hn::Vec<hn::RebindToUnsigned<P>> places) {
  const hn::RebindToSigned<P> di;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
  if constexpr (kWindow == 4) {  // Highway has but the slower selection across all lanes
    return W{_mm256_permutevar_ps(window.raw, hn::BitCast(di, places).raw)};
  }
#endif
  return hn::TableLookupLanes(window, hn::IndicesFromVec(kP, hn::BitCast(di, places)));
}

/// One panel for kTokens tokens. With one or two tokens the windows take turns on kSplit sums, which hides latencies.
/// kKeep: kept weights of a window, 0 if known but at run time.
template <int kTokens, int kWindow, int kKeep, typename T>
HWY_NOINLINE void tile_of(const SparseTask<T>& t, const float* x, float* y) {
  constexpr int kSplit = kTokens == 1 ? 4 : kTokens == 2 ? 2 : 1;
  const SparseLayout<T>& w = t.weights;
  const hn::RebindToUnsigned<P> du;
  for (int64_t part = 0; part < kSparsePanel; part += kPLanes) {
    const auto shift = hn::Mul(hn::Iota(du, static_cast<uint32_t>(part)), hn::Set(du, kPlaceBits));
    W sum[kSplit][kTokens];
#pragma GCC unroll 16
    for (int s = 0; s < kSplit; ++s) {
#pragma GCC unroll 16
      for (int i = 0; i < kTokens; ++i) sum[s][i] = hn::Zero(kP);
    }
    const int64_t windows = w.windows;
    const int64_t keep = w.keep;
    const T* values = w.values + t.panel * w.kept() * kSparsePanel + part;
    const uint32_t* places = w.places + t.panel * w.kept();
    const float* window = x;
    const auto place_of = [&](int64_t k) HWY_ATTR {
      const auto place = hn::Shr(hn::Set(du, places[k]), shift);
      if constexpr (kWindow == 4 && HWY_TARGET != HWY_NEON) return place;
      return hn::And(place, hn::Set(du, kWindow - 1));
    };
    const auto step = [&](int s) HWY_ATTR {
      if constexpr (kKeep == 2) {  // both at once, so that a window is loaded once
        const auto place0 = place_of(0);
        const auto place1 = place_of(1);
        const W weight0 = load_weights(kP, values);
        const W weight1 = load_weights(kP, values + kSparsePanel);
#pragma GCC unroll 16
        for (int i = 0; i < kTokens; ++i) {
          const W x_i = load_window<kWindow>(window + i * kWindow);
          sum[s][i] = hn::MulAdd(weight0, select<kWindow>(x_i, place0), sum[s][i]);
          sum[s][i] = hn::MulAdd(weight1, select<kWindow>(x_i, place1), sum[s][i]);
        }
        values += 2 * kSparsePanel;
        places += 2;
      } else {
        for (int64_t k = 0; k < keep; ++k) {
          const auto place = place_of(k);
          const W weight = load_weights(kP, values + k * kSparsePanel);
#pragma GCC unroll 16
          for (int i = 0; i < kTokens; ++i) {
            const W x_i = load_window<kWindow>(window + i * kWindow);
            sum[s][i] = hn::MulAdd(weight, select<kWindow>(x_i, place), sum[s][i]);
          }
        }
        values += keep * kSparsePanel;
        places += keep;
      }
      window += kTokens * kWindow;
    };
    int64_t g = 0;
    for (; g + kSplit <= windows; g += kSplit) {
#pragma GCC unroll 16
      for (int s = 0; s < kSplit; ++s) step(s);
    }
    for (; g < windows; ++g) step(0);

    const int64_t column = t.panel * kSparsePanel + part;
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

template <int kWindow, int kKeep, typename T>
HWY_INLINE void tiles(const SparseTask<T>& t) {
  static constexpr void (*kTiles[])(const SparseTask<T>&, const float*, float*) = {
      tile_of<1, kWindow, kKeep, T>, tile_of<2, kWindow, kKeep, T>,
      tile_of<3, kWindow, kKeep, T>, tile_of<4, kWindow, kKeep, T>,
      tile_of<5, kWindow, kKeep, T>, tile_of<6, kWindow, kKeep, T>,
      tile_of<7, kWindow, kKeep, T>, tile_of<kSparseTokens, kWindow, kKeep, T>};
  for (int64_t i = 0; i < t.tokens; i += t.tile) {
    const int64_t tokens = std::min(t.tile, t.tokens - i);
    kTiles[tokens - 1](t, t.x + i * t.weights.windows * kWindow, t.y + i * t.weights.outputs);
  }
}

template <typename T>
void panel(const SparseTask<T>& t) noexcept {
  if (t.weights.window != 4) return tiles<kMaxWindow, 0>(t);
  t.weights.keep == 2 ? tiles<4, 2>(t) : tiles<4, 0>(t);
}

}  // namespace

const SparseFloatCode kSparseFloat = {kMaxWindow, panel<float>, panel<uint16_t>};

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
