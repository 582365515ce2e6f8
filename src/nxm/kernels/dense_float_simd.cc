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

#include "nxm/kernels/tile-inl.h"

#if NXM_SIMD && HWY_TARGET != HWY_AVX3  // which has avx512_simd.cc
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

/// Outputs of a panel.
constexpr int64_t kPanel = kTileWidth;
/// Inputs at a time: a panel's part (16 KiB with 8 lanes) stays in the first-level cache while all rows go by.
constexpr int64_t kInputs = 256;

template <typename T>
void block(const DenseBlock<T>& b) noexcept {
  const bool whole = b.width == kPanel;
  HWY_ALIGN float edge[kTileRows * kPanel];  // rows of a panel that y has not in full
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
      tile<T>(rows, {b.x + r * b.inputs + i, b.inputs, b.w + i * kPanel, kPanel, n, whole ? y : edge,
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
#endif

#if HWY_ONCE
namespace nxm {

const DenseFloatCode* dense_float_code(Target target) {
  switch (target) {
    NXM_CASE_AVX2(kDenseFloat)
    NXM_CASE_NEON(kDenseFloat)
    default:
      return nullptr;
  }
}

}  // namespace nxm
#endif
