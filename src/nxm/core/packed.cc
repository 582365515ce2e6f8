// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/packed.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>

#include "nxm/core/error.h"

namespace nxm {
namespace {

static_assert(std::endian::native == std::endian::little, "values are little-endian");

constexpr float kInt8Max = 127;
/// Weights of a matrix: so few that no size computed from them (at most 8 bytes a weight) overflows.
constexpr int64_t kMaxWeights = int64_t{1} << 59;

size_t to_size(int64_t n) { return static_cast<size_t>(n); }

bool is_value_type(DType type) {
  return type == DType::kF32 || type == DType::kBF16 || type == DType::kF16 || type == DType::kI8;
}

int64_t row_values(const Pattern& pattern, int64_t cols) { return cols / pattern.of * pattern.keep; }

/// For each column whether a row of the block (share, I) uses it, then filled up to `keep` a group.
void choose(MatrixView<const float> block, const Pattern& pattern, std::span<uint8_t> kept) {
  std::fill(kept.begin(), kept.end(), uint8_t{0});
  for (int64_t r = 0; r < block.rows; ++r) {
    const float* row = block.row(r);
    for (size_t c = 0; c < kept.size(); ++c) kept[c] = static_cast<uint8_t>(kept[c] | (row[c] != 0));  // NaN != 0
  }
  for (size_t group = 0; group < kept.size(); group += to_size(pattern.of)) {
    const auto columns = kept.subspan(group, to_size(pattern.of));
    auto missing = pattern.keep - std::count(columns.begin(), columns.end(), uint8_t{1});
    for (uint8_t& column : columns) {
      if (missing > 0 && column == 0) column = 1, --missing;
    }
  }
}

/// Throws if a group keeps more than it may. `first_row`: of the block.
void check_choice(std::span<const uint8_t> kept, const Pattern& pattern, int64_t first_row, std::string_view layer) {
  for (size_t group = 0; group < kept.size(); group += to_size(pattern.of)) {
    const auto columns = kept.subspan(group, to_size(pattern.of));
    const auto used = std::count(columns.begin(), columns.end(), uint8_t{1});
    if (used <= pattern.keep) continue;
    const std::string rows = pattern.share == 1
                                 ? fmt::format("row {}", first_row)
                                 : fmt::format("rows {} to {}", first_row, first_row + pattern.share - 1);
    fail(layer, "not {}: expected at most {} columns of {} to {} that are not zero in {}, found {}. {}", pattern.str(),
         pattern.keep, group, group + columns.size() - 1, rows, used, "Prune the model to this pattern first");
  }
}

/// Appends the positions of the kept columns to an index row of zeros.
void write_indices(std::span<const uint8_t> kept, const Pattern& pattern, std::span<std::byte> out) {
  const auto bits = to_size(index_bits(pattern));
  size_t at = 0;  // bit
  for (size_t c = 0; c < kept.size(); ++c) {
    if (kept[c] == 0) continue;
    const uint32_t position = static_cast<uint32_t>(c % to_size(pattern.of)) << at % 8;
    out[at / 8] |= static_cast<std::byte>(position & 0xFF);
    if (position > 0xFF) out[at / 8 + 1] |= static_cast<std::byte>(position >> 8);
    at += bits;
  }
}

/// One value as it is stored, at `out`; false if it has no finite form there.
bool store(float value, DType dtype, float scale, std::byte* out) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, &value, sizeof(value));
      return std::isfinite(value);
    case DType::kBF16: {
      const uint16_t bits = f32_to_bf16(value);
      std::memcpy(out, &bits, sizeof(bits));
      return std::isfinite(bf16_to_f32(bits));
    }
    case DType::kF16: {
      const uint16_t bits = f32_to_f16(value);
      std::memcpy(out, &bits, sizeof(bits));
      return std::isfinite(f16_to_f32(bits));
    }
    default:
      if (!std::isfinite(value)) return false;
      *out = static_cast<std::byte>(static_cast<int8_t>(std::nearbyint(value / scale)));
      return true;
  }
}

/// The stored values of row r as numbers.
void read_values(const PackedView& packed, int64_t r, std::span<float> out) {
  const auto bytes =
      packed.values.subspan(to_size(r) * out.size() * size_of(packed.dtype), out.size() * size_of(packed.dtype));
  if (packed.dtype != DType::kI8) return to_f32(packed.dtype, bytes, out);
  const float scale = packed.scales[to_size(r)];
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(static_cast<int8_t>(bytes[i])) * scale;
}

void check_size(std::string_view layer, std::string_view what, size_t found, int64_t expected) {
  if (found == to_size(expected)) return;
  fail(layer, "expected {} {}, found {}. The file is damaged; pack the model again", expected, what, found);
}

void check_sizes(const PackedView& packed, std::string_view layer) {
  require(is_value_type(packed.dtype), "packed values are F32, BF16, F16 or I8");
  const auto& [pattern, dtype, rows, cols, values, indices, scales] = packed;
  int64_t weights = 0;
  const bool absurd = rows < 0 || cols < 0 ||
                      __builtin_mul_overflow(std::max<int64_t>(rows, 1), std::max<int64_t>(cols, 1), &weights) ||
                      weights > kMaxWeights;
  if (absurd) fail(layer, "the shape [{}, {}] is not that of a matrix. Pack the model again", rows, cols);
  pattern.check_fits(layer, rows, cols);
  check_size(layer, "bytes of values", values.size(),
             packed_values(pattern, rows, cols) * static_cast<int64_t>(size_of(dtype)));
  check_size(layer, "bytes of indices", indices.size(), rows / pattern.share * index_row_bytes(pattern, cols));
  check_size(layer, "scales", scales.size(), dtype == DType::kI8 ? rows : 0);
}

/// Do the indices of each group ascend and stay within it?
bool in_order(std::span<const uint8_t> columns, const Pattern& p) {
  bool good = true;
  for (size_t group = 0; group < columns.size(); group += to_size(p.keep)) {
    for (size_t k = 1; k < to_size(p.keep); ++k) good &= columns[group + k - 1] < columns[group + k];
    good &= columns[group + to_size(p.keep) - 1] < p.of;
  }
  return good;
}

void check_indices(const PackedView& packed, std::string_view layer) {
  const Pattern& p = packed.pattern;
  const auto keep = to_size(p.keep);
  std::vector<uint8_t> columns(to_size(row_values(p, packed.cols)));
  const auto row_bytes = to_size(index_row_bytes(p, packed.cols));
  const size_t used_bits = columns.size() * to_size(index_bits(p)) % 8;  // of a row's last byte; 0: all
  for (int64_t r = 0; r < packed.rows; r += p.share) {
    unpack_indices(packed, r, columns);
    const size_t suspects = in_order(columns, p) ? 0 : columns.size();
    for (size_t i = 0; i < suspects; ++i) {
      if (columns[i] >= p.of) {
        fail(layer, "row {}, group {}: index {} is outside a group of {}. The file is damaged; pack the model again", r,
             i / keep, columns[i], p.of);
      }
      if (i % keep != 0 && columns[i] <= columns[i - 1]) {
        fail(layer, "row {}, group {}: expected ascending indices, found {} after {}. {}", r, i / keep, columns[i],
             columns[i - 1], "The file is damaged; pack the model again");
      }
    }
    const size_t last = to_size(r / p.share + 1) * row_bytes - 1;
    if (used_bits != 0 && std::to_integer<unsigned>(packed.indices[last]) >> used_bits != 0) {
      fail(layer, "row {}: expected zeros after the last index, found ones. {}", r,
           "The file is damaged; pack the model again");
    }
  }
}

}  // namespace

float int8_scale(std::span<const float> row) {
  float largest = 0;
  for (const float w : row) largest = std::max(largest, std::fabs(w));
  // A subnormal scale would have too few digits for |error| <= scale / 2.
  return largest == 0 ? 1 : std::max(largest / kInt8Max, std::numeric_limits<float>::min());
}

int index_bits(const Pattern& pattern) { return std::bit_width(static_cast<unsigned>(pattern.of - 1)); }

int64_t index_row_bytes(const Pattern& pattern, int64_t cols) {
  return (row_values(pattern, cols) * index_bits(pattern) + 7) / 8;
}

int64_t packed_values(const Pattern& pattern, int64_t rows, int64_t cols) { return rows * row_values(pattern, cols); }

Packed pack(MatrixView<const float> weight, const Pattern& pattern, DType dtype, std::string_view layer) {
  require(is_value_type(dtype), "pack: values are F32, BF16, F16 or I8");
  pattern.check_fits(layer, weight.rows, weight.cols);
  const size_t width = size_of(dtype);
  const auto row_bytes = to_size(index_row_bytes(pattern, weight.cols));
  Packed packed{pattern, dtype, weight.rows, weight.cols, {}, {}, {}};
  packed.values.resize(to_size(packed_values(pattern, weight.rows, weight.cols)) * width);
  packed.indices.resize(to_size(weight.rows / pattern.share) * row_bytes);
  if (dtype == DType::kI8) packed.scales.resize(to_size(weight.rows));

  std::vector<uint8_t> kept(to_size(weight.cols));
  std::byte* value = packed.values.data();
  for (int64_t r = 0; r < weight.rows; ++r) {
    if (r % pattern.share == 0) {
      choose({weight.row(r), pattern.share, weight.cols}, pattern, kept);
      check_choice(kept, pattern, r, layer);
      write_indices(kept, pattern,
                    std::span(packed.indices).subspan(to_size(r / pattern.share) * row_bytes, row_bytes));
    }
    const float* row = weight.row(r);
    const float scale = dtype == DType::kI8 ? packed.scales[to_size(r)] = int8_scale({row, to_size(weight.cols)}) : 1;
    for (size_t c = 0; c < kept.size(); ++c) {
      if (kept[c] == 0) continue;
      if (!store(row[c], dtype, scale, value)) {
        if (!std::isfinite(row[c])) {
          fail(layer, "the weight in row {}, column {} is {}. The model is damaged; train it again", r, c, row[c]);
        }
        fail(layer, "the weight in row {}, column {} is {}, which {} cannot store. Choose another precision", r, c,
             row[c], name_of(dtype));
      }
      value += width;
    }
  }
  return packed;
}

void check(const PackedView& packed, std::string_view layer) {
  check_sizes(packed, layer);
  check_indices(packed, layer);
  for (size_t r = 0; r < packed.scales.size(); ++r) {
    if (!(packed.scales[r] > 0 && std::isfinite(packed.scales[r]))) {
      fail(layer, "row {}: expected a scale above 0, found {}. The file is damaged; pack the model again", r,
           packed.scales[r]);
    }
  }
  const bool int8 = packed.dtype == DType::kI8;
  if (int8 && std::find(packed.values.begin(), packed.values.end(), std::byte{0x80}) != packed.values.end()) {
    fail(layer, "expected values from -127 to 127, found -128. The file is damaged; pack the model again");
  }
  std::vector<float> values(to_size(row_values(packed.pattern, packed.cols)));
  for (int64_t r = 0; r < packed.rows; ++r) {
    if (int8 && std::isfinite(kInt8Max * packed.scales[to_size(r)])) continue;
    read_values(packed, r, values);
    const auto bad = std::find_if_not(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
    if (bad != values.end()) {
      fail(layer, "row {}: value {} is {}, expected a finite number. The file is damaged; pack the model again", r,
           bad - values.begin(), *bad);
    }
  }
}

void unpack_indices(const PackedView& packed, int64_t r, std::span<uint8_t> out) {
  const Pattern& p = packed.pattern;
  assert(out.size() == to_size(row_values(p, packed.cols)));
  const auto bits = to_size(index_bits(p));
  const auto row_bytes = to_size(index_row_bytes(p, packed.cols));
  const std::byte* next = packed.indices.data() + to_size(r / p.share) * row_bytes;
  const uint32_t mask = (1U << bits) - 1;
  if (bits == 2) {  // of = 3 or 4
    for (size_t i = 0; i < out.size(); ++i) out[i] = (std::to_integer<uint8_t>(next[i / 4]) >> (i % 4 * 2)) & 3;
    return;
  }
  uint32_t pending = 0;  // the lowest `held` bits are read and not yet used
  size_t held = 0;
  for (uint8_t& index : out) {
    if (held < bits) {
      pending |= std::to_integer<uint32_t>(*next++) << held;
      held += 8;
    }
    index = static_cast<uint8_t>(pending & mask);
    pending >>= bits;
    held -= bits;
  }
}

void unpack(const PackedView& packed, MatrixView<float> out) {
  require(out.rows == packed.rows && out.cols == packed.cols, "unpack: out is not of the weight's shape");
  const Pattern& p = packed.pattern;
  std::vector<uint8_t> columns(to_size(row_values(p, packed.cols)));
  std::vector<float> values(columns.size());
  for (int64_t r = 0; r < packed.rows; ++r) {
    if (r % p.share == 0) unpack_indices(packed, r, columns);
    read_values(packed, r, values);
    float* group = out.row(r);
    std::fill_n(group, packed.cols, 0.0F);
    for (size_t i = 0; i < values.size(); group += p.of) {
      for (int k = 0; k < p.keep; ++k, ++i) group[columns[i]] = values[i];
    }
  }
}

}  // namespace nxm
