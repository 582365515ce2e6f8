// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "nxm/kernels/code.h"
#include "nxm/kernels/simd_targets.h"
#include "nxm/kernels/sparse_float.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/sparse_float_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/math-inl.h"

#if NXM_SIMD && HWY_TARGET != HWY_AVX3  // which has avx512_simd.cc
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using P = hn::CappedTag<float, kSparsePanel>;  // a panel is one vector or, with narrower ones, two
using W = hn::Vec<P>;
using Bytes = hn::Repartition<uint8_t, P>;
constexpr P kP;
constexpr Bytes kBytes;
constexpr int64_t kPLanes = HWY_MIN(static_cast<int64_t>(HWY_LANES(float)), kSparsePanel);

/// Which byte of a step's places each byte of a lane comes from.
HWY_ALIGN constexpr uint8_t kRepeat[kSparsePanel * 4] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
                                                         4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7};

/// Lane i: the activation that the bytes of lane i of `bytes` point to.
HWY_INLINE W select(W window, hn::Vec<Bytes> bytes) {
  return hn::BitCast(kP, hn::TableLookupBytes(hn::BitCast(kBytes, window), bytes));
}

/// One panel for kTokens tokens. With few of them the additions of one output are spread over kSplit sums, which hides
/// their latency.
template <int kTokens, int kKeep, typename T>
HWY_NOINLINE void tile_of(const SparseTask<T>& t, const float* x, float* y) {
  constexpr int kSplit = kTokens == 1 ? 4 : kTokens <= 3 ? 2 : 1;
  constexpr int kSteps = kSplit == 4 ? 2 : 1;  // that go side by side
  const SparseLayout<T>& w = t.weights;
  const hn::Repartition<uint64_t, P> d64;
  const hn::Repartition<uint16_t, P> d16;
  const auto place_bits = hn::Set(kBytes, 0x0C);
  const auto byte_of = hn::BitCast(kBytes, hn::Set(hn::RebindToUnsigned<P>(), 0x03020100));
  for (int64_t part = 0; part < kSparsePanel; part += kPLanes) {
    const int64_t column = t.panel * kSparsePanel + part;
    const int64_t width = std::min(kPLanes, w.outputs - column);
    if (width <= 0) return;
    W sum[kSplit][kTokens];
#pragma GCC unroll 16
    for (int s = 0; s < kSplit; ++s) {
#pragma GCC unroll 16
      for (int i = 0; i < kTokens; ++i) sum[s][i] = hn::Zero(kP);
    }
    const int64_t steps = w.steps;
    const T* values = w.values + t.panel * steps * 2 * kSparsePanel + part;
    const uint8_t* places = w.places + t.panel * steps * kSparsePanel;
    const float* window = x;
    const auto repeat = hn::Load(kBytes, kRepeat + part * 4);
    const auto step = [&](int s) HWY_ATTR {
      uint64_t word;
      std::memcpy(&word, places, sizeof(word));
      const auto both = hn::TableLookupBytes(hn::BitCast(kBytes, hn::Set(d64, word)), repeat);
      const auto high = hn::BitCast(kBytes, hn::ShiftRight<4>(hn::BitCast(d16, both)));
      const auto bytes0 = hn::Or(hn::And(both, place_bits), byte_of);
      const auto bytes1 = hn::Or(hn::And(high, place_bits), byte_of);
      const W weight0 = load_weights(kP, values);
      const W weight1 = load_weights(kP, values + kSparsePanel);
#pragma GCC unroll 16
      for (int i = 0; i < kTokens; ++i) {
        const float* four = window + i * kSparseWindow;
        const W x0 = hn::LoadDup128(kP, four);
        const W x1 = kKeep == 2 ? x0 : hn::LoadDup128(kP, four + kTokens * kSparseWindow);
        sum[s][i] = hn::MulAdd(weight0, select(x0, bytes0), sum[s][i]);
        constexpr int kOther = kSplit == 1 ? 0 : 1;
        sum[s + kOther][i] = hn::MulAdd(weight1, select(x1, bytes1), sum[s + kOther][i]);
      }
      values += 2 * kSparsePanel;
      places += kSparsePanel;
      window += 2 / kKeep * kTokens * kSparseWindow;
    };
    int64_t n = 0;
    for (; n + kSteps <= steps; n += kSteps) {
      step(0);
      if constexpr (kSteps == 2) step(2);
    }
    for (; n < steps; ++n) step(0);

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

template <int kKeep, typename T>
HWY_INLINE void tiles(const SparseTask<T>& t) {
  static constexpr void (*kTiles[])(const SparseTask<T>&, const float*, float*) = {
      tile_of<1, kKeep, T>, tile_of<2, kKeep, T>, tile_of<3, kKeep, T>, tile_of<4, kKeep, T>,
      tile_of<5, kKeep, T>, tile_of<6, kKeep, T>, tile_of<7, kKeep, T>, tile_of<kSparseTokens, kKeep, T>};
  for (int64_t i = 0; i < t.tokens; i += t.tile) {
    const int64_t tokens = std::min(t.tile, t.tokens - i);
    kTiles[tokens - 1](t, t.x + i * t.weights.inputs(), t.y + i * t.weights.outputs);
  }
}

template <typename T>
void panel(const SparseTask<T>& t) noexcept {
  t.weights.keep == 2 ? tiles<2>(t) : tiles<1>(t);
}

}  // namespace

const SparseFloatCode kSparseFloat = {panel<float>, panel<uint16_t>};

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace nxm {

const SparseFloatCode* sparse_float_code(Target target) {
  switch (target) {
    NXM_CASE_AVX2(kSparseFloat)
    NXM_CASE_NEON(kSparseFloat)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
