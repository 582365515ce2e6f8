// SPDX-License-Identifier: Apache-2.0
#pragma once
// The N:M product in f32, weights stored as f32 or bf16, in two forms over one layout: few tokens with the outputs in
// lanes, which select their activations by a shuffle; many tokens with the tokens in lanes, each kept weight one load
// of its column. This is the code for one target; sparse_float.cc wraps it into a Linear. Internal to kernels.

#include <cstdint>

namespace nxm {

/// Outputs of a panel, whatever the target: their places fill a 32-bit word.
constexpr int64_t kSparsePanel = 8;
/// Bits of a place: so patterns with `of` up to 16 have this layout.
constexpr int kPlaceBits = 4;
/// Tokens at a time with the outputs in lanes.
constexpr int64_t kFewTokens = 8;

/// The layout of the weights. A row is cut into windows of consecutive inputs, each with the same number of kept
/// weights: the pattern's groups, or two groups of 1:2 at a time. For panel p and kept weight k of its rows:
///   values[(p * kept + k) * 8 + row], and in bits 4 * row of places[p * kept + k] its place within the window.
template <typename T>
struct SparseLayout {
  int64_t inputs;
  int64_t outputs;
  int64_t window;  ///< inputs
  int64_t keep;    ///< of a window
  bool pairs;      ///< rows 2i and 2i+1 have the same places
  const T* values;
  const uint32_t* places;
  [[nodiscard]] int64_t windows() const { return inputs / window; }
  [[nodiscard]] int64_t kept() const { return windows() * keep; }
  [[nodiscard]] int64_t panels() const { return (outputs + kSparsePanel - 1) / kSparsePanel; }
};

/// Panels begin...end-1 of y for some tokens.
template <typename T>
struct SparseTask {
  SparseLayout<T> weights;
  const float* x;  ///< few: (tokens, inputs); many: a tile (inputs, padded_tokens)
  float* y;        ///< (tokens, outputs)
  int64_t tokens;
  int64_t first_panel, end_panel;
  const float* bias;  ///< (outputs), or null
  bool gelu;
};

template <typename T>
struct SparseFloatOf {
  void (*few)(const SparseTask<T>& task) noexcept;   ///< any number of tokens; windows of 4 or max_window
  void (*many)(const SparseTask<T>& task) noexcept;  ///< up to `tile` tokens
};

struct SparseFloatCode {
  int64_t tile;         ///< tokens
  int64_t token_lanes;  ///< a tile's tokens are padded to a multiple
  int64_t max_window;   ///< of `few`: 4, or 8 where 8 floats can be selected from
  SparseFloatOf<float> f32;
  SparseFloatOf<uint16_t> bf16;
  /// (tokens, inputs) -> (inputs, tokens padded with zeros)
  void (*transpose)(const float* x, int64_t tokens, int64_t inputs, float* out) noexcept;
};

}  // namespace nxm
