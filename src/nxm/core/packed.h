// SPDX-License-Identifier: Apache-2.0
#pragma once
// An N:M weight matrix that stores only what the pattern keeps. Not how a kernel lays it out in registers
// (kernels/linear.h), nor the file (io/packed_weights.h).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "nxm/core/dtype.h"
#include "nxm/core/matrix_view.h"
#include "nxm/core/pattern.h"

namespace nxm {

/// A (O, I) weight as stored. Bytes that may come from a file: check() before use.
struct PackedView {
  Pattern pattern;
  DType dtype = DType::kF32;          ///< of the values: F32, BF16, F16 or I8
  int64_t rows = 0;                   ///< O
  int64_t cols = 0;                   ///< I
  std::span<const std::byte> values;  ///< (O, I/of, keep), little-endian, row-major; kept columns ascend in a group
  /// (O/share, index_row_bytes): for each group its keep positions, ceil(log2(of)) bits each, ascending, least
  /// significant bit first; each row padded with zero bits to a byte. The share rows of one choice have one row here.
  std::span<const std::byte> indices;
  std::span<const float> scales;  ///< I8: (O), w = value * scale; else empty
};

/// The same with its own memory.
struct Packed {
  Pattern pattern;
  DType dtype = DType::kF32;
  int64_t rows = 0, cols = 0;
  std::vector<std::byte> values, indices;
  std::vector<float> scales;
  [[nodiscard]] PackedView view() const { return {pattern, dtype, rows, cols, values, indices, scales}; }
};

[[nodiscard]] int index_bits(const Pattern& pattern);                         ///< ceil(log2(of))
[[nodiscard]] int64_t index_row_bytes(const Pattern& pattern, int64_t cols);  ///< ceil(cols/of * keep * bits / 8)
[[nodiscard]] int64_t packed_values(const Pattern& pattern, int64_t rows, int64_t cols);  ///< O * I/of * keep

/// Stores `weight`. Kept: the non-zeros of each group (for xS: of all its rows), filled up with the lowest free columns
/// (their zeros are stored). F32 is exact but for the sign of a pruned zero; BF16, F16 round to nearest even; I8 is
/// round(w / scale) with int8_scale() of the row, so |error| <= scale / 2. Throws Error naming `layer`: the weight does
/// not satisfy the pattern (with the first bad group), does not fit it, or holds NaN or infinity (or a value beyond
/// F16's range).
Packed pack(MatrixView<const float> weight, const Pattern& pattern, DType dtype, std::string_view layer);

/// max|row| / 127, at least the smallest normal float; 1 for a row of zeros.
[[nodiscard]] float int8_scale(std::span<const float> row);

/// Throws Error naming `layer`: sizes that do not match, indices that reach outside a group, repeat or descend, padding
/// bits that are not zero, values that are not finite, scales that are not finite and positive, an I8 value of -128.
void check(const PackedView& packed, std::string_view layer);

/// The dense matrix; everything that is not stored is +0. `packed` must have passed check(). Shapes must agree, else
/// ContractError.
void unpack(const PackedView& packed, MatrixView<float> out);

/// Kept columns (ascending, within their group, 0 <= column < of) of every group of row `r`: out (I/of * keep).
void unpack_indices(const PackedView& packed, int64_t r, std::span<uint8_t> out);

}  // namespace nxm
