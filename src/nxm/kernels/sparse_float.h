// SPDX-License-Identifier: Apache-2.0
#pragma once
// The N:M product in f32, weights stored as f32 or bf16: outputs in lanes, each lane selects the activation its weight
// meets by a shuffle of bytes. This is the code for one target; sparse_float.cc wraps it into a Linear. Internal to
// kernels.

#include <cstdint>

namespace nxm {

/// Outputs of a panel, whatever the target.
constexpr int64_t kSparsePanel = 8;
/// Inputs that a lane selects from: 128 bits.
constexpr int64_t kSparseWindow = 4;
/// Tokens at a time: as many sums as leave registers for a step's weights and places.
constexpr int64_t kSparseTokens = 8;

/// The layout of the weights. A row is cut into windows of 4 inputs, each with the same number of kept weights, one or
/// two; a step takes two kept weights of each output: of two windows or of one. For panel p and step s:
///   values[((p * steps + s) * 2 + k) * 8 + output] is the k-th of them, and
///   places[(p * steps + s) * 8 + output] holds 4 times its place within its window, in bits 4 * k.
template <typename T>
struct SparseLayout {
  int64_t outputs;
  int64_t steps;
  int64_t keep;  ///< of a window
  const T* values;
  const uint8_t* places;
  /// Inputs, filled up to whole steps.
  [[nodiscard]] int64_t inputs() const { return steps * 2 / keep * kSparseWindow; }
};

/// One panel of y for some tokens.
template <typename T>
struct SparseTask {
  SparseLayout<T> weights;
  int64_t panel;
  int64_t tile;    ///< tokens at a time, at most kSparseTokens
  const float* x;  ///< by tiles (the last may have fewer tokens): (windows, tokens of the tile, window)
  int64_t tokens;
  float* y;           ///< (tokens, outputs)
  const float* bias;  ///< (outputs), or null
  bool gelu;
};

struct SparseFloatCode {
  void (*f32)(const SparseTask<float>& task) noexcept;
  void (*bf16)(const SparseTask<uint16_t>& task) noexcept;
};

}  // namespace nxm
