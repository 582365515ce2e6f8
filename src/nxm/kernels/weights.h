// SPDX-License-Identifier: Apache-2.0
#pragma once
// A layer's weights row by row, in whatever form they came: what the makers of kernel layouts read. Internal to
// kernels.

#include <cstdint>
#include <span>
#include <vector>

#include "nxm/core/pattern.h"
#include "nxm/kernels/linear.h"

namespace nxm {

/// A row has kept() weights in rising columns; of a dense source all of them.
class WeightRows {
 public:
  explicit WeightRows(const LinearSource& source) : source_(source) {}
  [[nodiscard]] int64_t outputs() const { return source_.outputs(); }
  [[nodiscard]] int64_t inputs() const { return source_.inputs(); }
  [[nodiscard]] int64_t kept() const;

  void columns(int64_t r, std::span<int32_t> out) const;
  void values(int64_t r, std::span<float> out) const;
  /// Rounded to bf16.
  void values(int64_t r, std::span<uint16_t> out) const;
  /// As stored, or round(w / scale) with scale = max|row| / 127 (1 for a row of zeros). Returns the scale.
  float values(int64_t r, std::span<int8_t> out) const;

 private:
  LinearSource source_;
};

/// One row at a time, in T: float, uint16_t (bf16) or int8_t.
template <typename T>
struct StoredRow {
  std::vector<int32_t> columns;
  std::vector<T> values;
  float scale = 1;  ///< int8

  explicit StoredRow(const WeightRows& rows) : columns(static_cast<size_t>(rows.kept())), values(columns.size()) {}
  void read(const WeightRows& rows, int64_t r) {
    rows.columns(r, columns);
    if constexpr (sizeof(T) == 1) {
      scale = rows.values(r, std::span<T>(values));
    } else {
      rows.values(r, std::span<T>(values));
    }
  }
};

}  // namespace nxm
