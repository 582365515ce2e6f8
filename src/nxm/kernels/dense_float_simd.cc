// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cassert>

#include "nxm/kernels/code.h"
#include "nxm/kernels/dense_float.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/dense_float_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/math-inl.h"

#if NXM_SIMD
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D kD;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int64_t kPanel = 2 * kLanes;
/// Inputs at a time: a panel's part (16 KiB with 8 lanes) stays in the first-level cache while all rows go by.
constexpr int64_t kInputs = 256;

template <typename T>
struct Tile {
  const float* x;
  int64_t inputs;  // from one row of x to the next
  const T* w;
  int64_t n;  // inputs to add up
  float* y;   // (rows, panel)
  int64_t y_stride;
  bool add;           // to what y holds
  const float* bias;  // a whole panel; null unless the sums are complete
  bool gelu;
};

/// kRows tokens by one panel. With few rows kSplit sums go side by side, each over its share of the inputs, to hide the
/// latency of additions.
template <int kRows, int kSplit, typename T>
HWY_NOINLINE void tile_of(const Tile<T>& t) {
  V sum[kSplit][kRows][2];
#pragma GCC unroll 16
  for (int s = 0; s < kSplit; ++s) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sum[s][r][0] = sum[s][r][1] = hn::Zero(kD);
  }
  const auto step = [&](int s, int64_t i) HWY_ATTR {
    const V w0 = load_weights(kD, t.w + i * kPanel);
    const V w1 = load_weights(kD, t.w + i * kPanel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(kD, t.x[r * t.inputs + i]);
      sum[s][r][0] = hn::MulAdd(x, w0, sum[s][r][0]);
      sum[s][r][1] = hn::MulAdd(x, w1, sum[s][r][1]);
    }
  };
  int64_t i = 0;
  for (; i + kSplit <= t.n; i += kSplit) {
#pragma GCC unroll 16
    for (int s = 0; s < kSplit; ++s) step(s, i + s);
  }
  for (; i < t.n; ++i) step(0, i);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < 2; ++v) {
      V y = sum[0][r][v];
#pragma GCC unroll 16
      for (int s = 1; s < kSplit; ++s) y = hn::Add(y, sum[s][r][v]);
      float* place = t.y + r * t.y_stride + v * kLanes;
      if (t.add) y = hn::Add(y, hn::LoadU(kD, place));
      if (t.bias != nullptr) y = hn::Add(y, hn::LoadU(kD, t.bias + v * kLanes));
      if (t.gelu) y = gelu(kD, y);
      hn::StoreU(y, kD, place);
    }
  }
}

template <typename T>
HWY_INLINE void tile(int64_t rows, const Tile<T>& t) {
  switch (rows) {
    case 1:
      return tile_of<1, 4>(t);
    case 2:
      return tile_of<2, 2>(t);
    case 3:
      return tile_of<3, 2>(t);
    case 4:
      return tile_of<4, 1>(t);
    case 5:
      return tile_of<5, 1>(t);
    default:
      assert(rows == kDenseRows);
      return tile_of<kDenseRows, 1>(t);
  }
}

template <typename T>
void block(const DenseBlock<T>& b) noexcept {
  const bool whole = b.width == kPanel;
  HWY_ALIGN float edge[kDenseRows * kPanel];  // rows of a panel that y has not in full
  HWY_ALIGN float bias[kPanel] = {};
  if (b.bias != nullptr) std::copy_n(b.bias, b.width, bias);
  const int64_t inputs = whole ? kInputs : std::max<int64_t>(b.inputs, 1);
  int64_t i = 0;
  do {  // once even without inputs
    const int64_t n = std::min(inputs, b.inputs - i);
    const bool last = i + n == b.inputs;
    for (int64_t r = 0; r < b.rows; r += b.tile) {
      const int64_t rows = std::min(b.tile, b.rows - r);
      float* y = b.y + r * b.outputs;
      tile<T>(rows, {b.x + r * b.inputs + i, b.inputs, b.w + i * kPanel, n, whole ? y : edge,
                     whole ? b.outputs : kPanel, i > 0, last ? bias : nullptr, last && b.gelu});
      for (int64_t row = 0; !whole && row < rows; ++row) std::copy_n(edge + row * kPanel, b.width, y + row * b.outputs);
    }
    i += n;
  } while (i < b.inputs);
}

}  // namespace

const DenseFloatCode kDenseFloat = {kPanel, block<float>, block<uint16_t>};

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NXM_SIMD

#if HWY_ONCE
namespace nxm {

const DenseFloatCode* dense_float_code(Target target) {
  switch (target) {
    NXM_CASE_AVX2(kDenseFloat)
    NXM_CASE_AVX512(kDenseFloat)
    NXM_CASE_NEON(kDenseFloat)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
