// SPDX-License-Identifier: Apache-2.0
// The block of a dense product that is held in registers, which the dense kernel and attention are made of, and what
// attention takes besides. Compiled anew for each target (Highway's include guard).

#if defined(NXM_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NXM_KERNELS_TILE_INL_H_
#undef NXM_KERNELS_TILE_INL_H_
#else
#define NXM_KERNELS_TILE_INL_H_
#endif

// Exp() of Highway's own.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "nxm/kernels/math-inl.h"
#include "nxm/kernels/tile.h"

#if NXM_SIMD
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D kD;
constexpr int64_t kLanes = HWY_LANES(float);
constexpr int64_t kTileWidth = 2 * kLanes;

/// y = x w (+ y) (+ bias), then perhaps GELU.
template <typename T>
struct Tile {
  const float* x;  // (rows, n)
  int64_t x_stride;
  const T* w;  // (n, width)
  int64_t w_stride;
  int64_t n;
  float* y;  // (rows, width)
  int64_t y_stride;
  bool add = false;             // to what y holds
  const float* bias = nullptr;  // (width)
  bool gelu = false;
};

/// With few rows kSplit sums go side by side, each over its share of n, to hide the latency of additions.
template <int kRows, int kSplit, typename T>
HWY_NOINLINE void tile_of(const Tile<T>& t) {
  V sum[kSplit][kRows][2];
#pragma GCC unroll 16
  for (int s = 0; s < kSplit; ++s) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sum[s][r][0] = sum[s][r][1] = hn::Zero(kD);
  }
  const auto step = [&](int s, int64_t i) HWY_ATTR {
    const V w0 = load_weights(kD, t.w + i * t.w_stride);
    const V w1 = load_weights(kD, t.w + i * t.w_stride + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const V x = hn::Set(kD, t.x[r * t.x_stride + i]);
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
      assert(rows == kTileRows);
      return tile_of<kTileRows, 1>(t);
  }
}

/// n rounded up to whole tiles.
HWY_INLINE int64_t whole_tiles(int64_t n) { return ceil_div(n, kTileWidth) * kTileWidth; }

/// to (head, columns) <- the transpose of x (rows, width), with zeros from `rows` to `columns`.
HWY_INLINE void transpose(const float* x, int64_t width, int64_t rows, int64_t head, float* to, int64_t columns) {
  constexpr int64_t kFew = 16;  // rows at a time, each on a page of its own
  for (int64_t begin = 0; begin < rows; begin += kFew) {
    const int64_t end = std::min(begin + kFew, rows);
    for (int64_t i = 0; i < head; ++i) {
      for (int64_t t = begin; t < end; ++t) to[i * columns + t] = x[t * width + i];
    }
  }
  for (int64_t i = 0; i < head; ++i) std::fill(to + i * columns + rows, to + (i + 1) * columns, 0.0F);
}

/// y (rows, columns) = a (rows, n) b (n, columns), `columns` whole tiles.
HWY_INLINE void multiply(int64_t rows, int64_t n, int64_t columns, const float* a, int64_t a_stride, const float* b,
                         float* y) {
  for (int64_t r = 0; r < rows; r += kTileRows) {
    for (int64_t c = 0; c < columns; c += kTileWidth) {
      tile<float>(std::min(kTileRows, rows - r),
                  {a + r * a_stride, a_stride, b + c, columns, n, y + r * columns + c, columns});
    }
  }
}

HWY_INLINE float sum_of(V v) { return hn::GetLane(hn::SumOfLanes(kD, v)); }

struct ExpRow {
  float largest, sum;
};
/// x[0...n) <- exp(scale * (x - max x)), n a multiple of the lanes, and x aligned to them. Returns max x and the new
/// values' sum.
HWY_INLINE ExpRow exp_row(float* x, int64_t n, float scale) {
  V largest = hn::Load(kD, x);
  for (int64_t i = kLanes; i < n; i += kLanes) largest = hn::Max(largest, hn::Load(kD, x + i));
  largest = hn::MaxOfLanes(kD, largest);
  V sum = hn::Zero(kD);
  for (int64_t i = 0; i < n; i += kLanes) {
    const V e = hn::Exp(kD, hn::Mul(hn::Sub(hn::Load(kD, x + i), largest), hn::Set(kD, scale)));
    hn::Store(e, kD, x + i);
    sum = hn::Add(sum, e);
  }
  return {hn::GetLane(largest), sum_of(sum)};
}

}  // namespace
}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NXM_SIMD

#endif
