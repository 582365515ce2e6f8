// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products on AVX-512, one scheme for f32, bf16 and int8, dense and N:M: outputs in lanes of 32 bits, each with one,
// two or four weights that meet as many activations in one instruction. This is the code; avx512.cc wraps it into a
// Linear. Internal to kernels.

#include <cstddef>
#include <cstdint>

#include "nxm/kernels/ops.h"
#include "nxm/kernels/reference.h"

namespace nxm::avx512 {

/// Outputs of a panel: the lanes of a vector.
constexpr int64_t kPanel = 16;
/// Panels that go together, so that what is loaded of x serves all of them.
constexpr int64_t kSparseGroup = 2, kDenseGroup = 3;
/// Tokens at a time, at most: as many sums as registers hold.
constexpr int64_t kTokens = 8;
/// Tokens for which x is small beside the weights.
constexpr int64_t kFewTokens = 2;
/// Inputs that a lane selects from.
constexpr int64_t kWindowInputs = 16;
/// Windows of activations of `bytes` each that fill a vector.
constexpr int64_t line_windows(int64_t bytes) { return 64 / (kWindowInputs * bytes); }
/// Weights that a window may keep: their places, of 4 bits, share a word.
constexpr int64_t kMostKept = 8;

/// The layout of the weights: x is cut into windows (N:M: as many as fill whole vectors), a window's kept weights into
/// steps, a step has one lane's weights (32 bits: f32, 2 bf16, 4 int8) of each output. For group g, step s (of all
/// windows) and panel p:
///   weights[((g * windows * steps + s) * group + p) * 16 + lane]
/// N:M: the places of window w, 4 bits for each weight: for weight i of a lane and step s of the window in the bits
/// from 32 / (weights of a lane) * i + 4 * s of
///   places[((g * windows + w) * group + p) * 16 + lane]
/// Dense: no places, a window is as many inputs as its steps have weights; step s takes the lane-sized piece s of
/// x. Paired: lane l of panels 0 and 1 has outputs 2l and 2l + 1 of the group, which share their places, those of panel
/// 0 (the only ones stored). Not paired: output 16 p + l.
struct Layout {
  int64_t windows;
  int64_t steps;  ///< of a window. N:M: 1, 2, 4 or 8; dense: 4
  bool paired;
  const uint32_t* weights;
  const uint32_t* places;  ///< null: dense
};

/// From sums of products to y.
struct Output {
  int64_t outputs;
  const int32_t* sums;  ///< int8: of an output's weights, filled up to whole groups
  const float* scales;  ///< int8: by output, likewise
  const Quantized* by;  ///< int8: (tokens), else null
  const float* bias;    ///< (outputs), or null
  bool gelu;
  float* y;  ///< (tokens, outputs)
};

/// One group of y for some tokens.
struct Task {
  Layout weights;
  int64_t group;
  /// (tokens, stride), f32, bf16 or quantised. Wide bf16: f32, two to a lane's weights. N:M: whatever a window may read
  /// of it is there.
  const std::byte* x;
  int64_t stride;  ///< bytes
  int64_t window;  ///< N:M: bytes from one window to the next; bf16 and int8: kWindowInputs of them
  int64_t tokens;
  int64_t tile;  ///< tokens at a time, at most kTokens
  Output out;
  /// Dense: the windows to add, and where sums wait from one task for the next: (tokens, kDenseGroup * kPanel). All of
  /// them have been added, and y is written, when `last` is the last one.
  int64_t first, last;
  int32_t* sums;
};

/// Tokens that take the lanes, at most and at least, where tokens are in lanes instead of outputs: x f32, N:M, not
/// paired.
constexpr int64_t kMostColumns = 128, kFewestColumns = 48;

/// Groups that take turns over a part of x's inputs, at most, where all of them would leave the second-level cache.
constexpr int64_t kMostGroups = 4;

/// Some groups of y for some tokens.
struct ColumnsTask {
  Layout weights;
  int64_t group, groups;  ///< the first, and how many: kMostGroups at most
  int64_t window;         ///< inputs
  const float* x;         ///< (windows * window, width), filled up with zeros
  int64_t width;          ///< tokens, rounded up to a multiple of 16; kFewestColumns to kMostColumns
  int64_t tokens;
  Output out;
};

/// One group of y for some tokens, half of which take the lanes: x f32, N:M, 4 or 8 steps, not paired.
struct MixedTask {
  Layout weights;
  int64_t group;
  int64_t window;  ///< inputs
  /// The first half: (tokens / 2, stride in bytes); whatever a window may read of it is there.
  const std::byte* x;
  int64_t stride;
  const float* columns;  ///< the second half: (windows * window, tokens / 2), filled up with zeros
  int64_t tokens;        ///< 128, 64 or 32
  Output out;
};

struct Code {
  void (*f32)(const Task& task) noexcept;
  void (*f32_columns)(const ColumnsTask& task) noexcept;
  void (*f32_mixed)(const MixedTask& task) noexcept;
  void (*wide_bf16)(const Task& task) noexcept;  ///< bf16 weights; x and products f32
  void (*wide_bf16_columns)(const ColumnsTask& task) noexcept;
  /// x (tokens, inputs) to out (columns, 16), rows `width` apart: transposed, with zeros beyond x. At most 16 tokens.
  void (*to_columns)(const float* x, int64_t inputs, int64_t tokens, int64_t columns, int64_t width,
                     float* out) noexcept;
  void (*bf16)(const Task& task) noexcept;       ///< needs AVX512-BF16
  void (*int8_in16)(const Task& task) noexcept;  ///< x of 7 bits
  void (*int8)(const Task& task) noexcept;       ///< needs AVX512-VNNI
  /// N:M from whole vectors of x, where the other repeats each window: half its traffic or less. Needs AVX512-VBMI too.
  void (*int8_vbmi)(const Task& task) noexcept;
  /// Rounds to nearest even. Needs AVX512-BF16.
  void (*to_bf16)(const float* x, int64_t n, uint16_t* out) noexcept;
  void (*quantize)(const float* x, int64_t n, int levels, uint8_t* q, Quantized* by) noexcept;  ///< as quantize_row()
};

/// Null in a build without AVX-512, as the next.
const Code* code();

/// Products of pairs of bf16, for attention.
struct Products {
  int64_t rows;                          ///< that dots() takes at most
  void (*begin)(int64_t rows) noexcept;  ///< before dots() of so many rows
  /// c (rows, 32) = the sum over n pairs of a (rows, n) and b (n, 32), n a multiple of 16. Strides in pairs, in floats.
  void (*dots)(const uint32_t* a, int64_t a_stride, const uint32_t* b, int64_t b_stride, int64_t rows, int64_t n,
               float* c, int64_t c_stride) noexcept;
  void (*end)() noexcept;  ///< after the last
};
/// The most of any Products.
constexpr int64_t kMostQueries = 32;
/// Ops::attention_bf16.
using Attention = decltype(Ops::attention_bf16);
Attention attention_bf16();  ///< needs AVX512-BF16
Attention attention_amx();   ///< its products on AMX

}  // namespace nxm::avx512
