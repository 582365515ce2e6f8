// SPDX-License-Identifier: Apache-2.0
#pragma once
// A matrix of floats, row by row, that the tests of the core room share.

#include <cstdint>
#include <vector>

#include "nxm/core/matrix_view.h"

namespace nxm {

struct Matrix {
  int64_t rows, cols;
  std::vector<float> data;

  Matrix(int64_t r, int64_t c) : rows(r), cols(c), data(static_cast<size_t>(r * c)) {}
  [[nodiscard]] MatrixView<float> view() { return {data.data(), rows, cols}; }
  [[nodiscard]] MatrixView<const float> view() const { return {data.data(), rows, cols}; }
  [[nodiscard]] float at(int64_t r, int64_t c) const { return data[static_cast<size_t>(r * cols + c)]; }
};

}  // namespace nxm
