// SPDX-License-Identifier: Apache-2.0
#pragma once
// The N:M product in f32, weights stored as f32 or bf16: outputs in lanes, each lane selects the activation its weight
// meets by a shuffle. This is the code for one target; sparse_float.cc wraps it into a Linear. Internal to kernels.

#include <cstdint>

namespace nxm {

/// Outputs of a panel, whatever the target: their places fill a 32-bit word.
constexpr int64_t kSparsePanel = 8;
constexpr int kPlaceBits = 4;
/// Tokens at a time: as many sums as leave registers for a window's weights and places.
constexpr int64_t kSparseTokens = 8;

/// The layout of the weights. A row is cut into windows of 4 or 8 inputs: the pattern's groups, or two groups of 1:2.
/// For panel p and kept weight k of its rows: values[(p * kept + k) * 8 + row], and in bits 4 * row of
/// places[p * kept + k] its place within the window.
template <typename T>
struct SparseLayout {
  int64_t outputs;
  int64_t window;  ///< inputs
  int64_t keep;    ///< of a window
  int64_t windows;
  const T* values;
  const uint32_t* places;
  [[nodiscard]] int64_t kept() const { return windows * keep; }
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
  int64_t max_window;  ///< 4, or 8 where a lane can select from 8
  void (*f32)(const SparseTask<float>& task) noexcept;
  void (*bf16)(const SparseTask<uint16_t>& task) noexcept;
};

}  // namespace nxm
