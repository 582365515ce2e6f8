// SPDX-License-Identifier: Apache-2.0
#pragma once
// The product in integers: activations quantised by token to 7 or 8 bits, weights of 8 bits, dense or N:M, outputs in
// lanes. This is the code for one target; int8.cc wraps it into a Linear. Internal to kernels.

#include <cstdint>

#include "nxm/kernels/reference.h"

namespace nxm {

/// Outputs of a panel; each takes four weights a step.
constexpr int64_t kInt8Panel = 8;
constexpr int64_t kStepWeights = 4;
constexpr int64_t kStepBytes = kInt8Panel * kStepWeights;
/// Inputs a byte shuffle selects from.
constexpr int64_t kWindow = 16;
/// Tokens at a time: as many sums as leave registers for a step's weights and places.
constexpr int64_t kInt8Tokens = 8;

/// The layout of the weights. A step adds, for each output of a panel, four weights times four activations: dense,
/// those at x[offsets[step] ...]; N:M, those at four places of the 16 that begin there. For panel p and step s:
///   weights[(p * steps + s) * 32 + output * 4 + i], and its place in the low (even s) or high (odd s) four bits of
///   places[(p * steps / 2 + s / 2) * 32 + output * 4 + i].
struct Int8Layout {
  int64_t outputs;
  int64_t steps;  ///< N:M: even
  const int32_t* offsets;
  const int8_t* weights;
  const uint8_t* places;  ///< null: dense
  const int32_t* sums;    ///< of an output's weights (panels * 8)
  const float* scales;    ///< (panels * 8)
};

/// Quantised activations: (rows, stride), readable for a window from each offset.
struct Int8Rows {
  const uint8_t* x;
  int64_t stride;
  const Quantized* by;  ///< (rows)
  int64_t rows;
};

struct Int8Code {
  void (*quantize)(const float* x, int64_t n, int levels, uint8_t* q, Quantized* by) noexcept;
  /// Panel `panel` of y (rows, outputs), `tile` tokens at a time.
  void (*panel)(const Int8Layout& weights, const Int8Rows& x, int64_t panel, int64_t tile, const float* bias, bool gelu,
                float* y) noexcept;
};

}  // namespace nxm
