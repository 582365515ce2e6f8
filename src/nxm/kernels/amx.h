// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products on Intel's AMX, bf16 and int8, dense and N:M: a tile of 16 tokens times a tile of 16 outputs, each with 64
// bytes of inputs. There is no sparse product of tiles, so N:M weights are made dense tiles again, 1024 bytes that do
// not leave the first-level cache: what is read from further away is as small as the pattern makes it. This is the
// code; amx.cc wraps it into a Linear. Internal to kernels.

#include <cstddef>
#include <cstdint>

#include "nxm/kernels/avx512.h"

namespace nxm::amx {

/// Of a tile.
constexpr int64_t kRows = 16, kRowBytes = 64, kTileBytes = kRows * kRowBytes;
/// Panels of 16 outputs that go together, and tiles of tokens: four tiles of sums, two of x, two of weights.
constexpr int64_t kGroup = 2, kBlock = 2 * kRows;

/// The layout of the weights. A step is 64 bytes of a row of x. Tile (g, s, p), p of kGroup panels, has in row r and
/// lane l of 32 bits the weights of output 16 (2 g + p) + l that meet the bytes 4 r ... 4 r + 3 of the step.
/// Dense: tiles[((g * steps + s) * 2 + p) * 1024]. N:M: the weights that are kept, tile by tile in the same order and
/// row by row, group g's from kept[starts[g]] on and readable for 64 bytes beyond their end; for each tile its mask,
/// bit r of 16-bit word w (bf16), or bit r % 8 of byte 64 * (r / 8) + w (int8), for place w of row r; and for each row
/// the bytes that are kept of it.
struct Layout {
  int64_t steps;
  const std::byte* tiles;  ///< null: N:M
  const std::byte* kept;
  const int64_t* starts;
  const std::byte* masks;  ///< of mask_bytes each
  const uint8_t* counts;   ///< 16 a tile
};
constexpr int64_t mask_bytes(size_t weight_bytes) { return kTileBytes / static_cast<int64_t>(weight_bytes) / 8; }

/// Groups [first, last) of y for all tokens.
struct Task {
  Layout weights;
  int64_t first, last;
  const std::byte* x;  ///< (tokens, stride), bf16 or quantised, zeros up to whole steps
  int64_t stride;      ///< bytes
  int64_t tokens;
  std::byte* strip;  ///< N:M: for a group's tiles, steps * 2 * 1024 bytes, 64-byte aligned
  avx512::Output out;
};

struct Code {
  void (*bf16)(const Task& task) noexcept;
  void (*int8)(const Task& task) noexcept;
};

/// Null in a build without AVX-512, as the next.
const Code* code();
/// kBlock rows at a time.
const avx512::Products* products();

}  // namespace nxm::amx
