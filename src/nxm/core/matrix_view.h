// SPDX-License-Identifier: Apache-2.0
#pragma once
// A dense row-major matrix that somebody else owns. No strides: rows follow one another without a gap.

#include <cstddef>
#include <cstdint>
#include <span>

namespace nxm {

/// data[r * cols + c], 0 <= r < rows, 0 <= c < cols.
template <typename T>
struct MatrixView {
  T* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;

  [[nodiscard]] int64_t size() const { return rows * cols; }
  [[nodiscard]] T* row(int64_t r) const { return data + r * cols; }
  [[nodiscard]] std::span<T> flat() const { return {data, static_cast<size_t>(size())}; }
  operator MatrixView<const T>() const { return {data, rows, cols}; }  // NOLINT(google-explicit-constructor)
};

}  // namespace nxm
