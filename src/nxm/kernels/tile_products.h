// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of matrices as fine-tuning needs them, whose operands change at every step: of bf16 with sums in f32 on
// Intel's AMX and on AVX512-BF16, of f32 on AVX-512.
// With x (R, I), W (O, I) and y = x W^T: y takes W packed by columns, x's gradient y_g W takes it packed by rows, and
// W's gradient y_g^T x takes y_g transposed and x packed by rows. Unlike a library's products those of bf16 are
// compiled once, whatever the shape, and read W as f32; MKL's of f32 do half of what AMD's Zen 5 can do.
//
// Every dimension is a multiple of kUnit. bf16 is 16 bits of uint16_t, rounded to nearest even; what is below f32's
// smallest normal number is 0.

#include <cstdint>

#include "nxm/kernels/target.h"

namespace nxm {

/// T: uint16_t (bf16) or float. The right operand (k, n) of a product is packed in blocks of kUnit rows by kUnit
/// columns: block (s, g) lies at ((g * steps + s) * kUnit * kUnit), steps being k / kUnit. f32: row by row. bf16: 16
/// columns, then the other 16; of them 16 pairs of rows, each pair with its 16 columns' two values side by side.
template <typename T>
struct TileProducts {
  static constexpr int64_t kUnit = 64 / sizeof(T);

  /// packed <- the first k of x (k, n). Rows x_stride apart. `steps`: of the whole operand, of which this may be a
  /// part.
  void (*pack)(const T* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, T* packed) noexcept;
  void (*pack_f32)(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, T* packed) noexcept;
  /// packed <- x^T, x (n, k).
  void (*pack_f32_columns)(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, T* packed) noexcept;
  /// y (columns, rows) <- x^T, x (rows, columns).
  void (*transpose)(const T* x, int64_t x_stride, int64_t rows, int64_t columns, T* y, int64_t y_stride) noexcept;
  /// c (m, n) = a (m, k) b (k, n), b packed with so many `steps`. `scratch`: kUnit * k values, 64-byte aligned.
  void (*multiply)(const T* a, int64_t a_stride, const T* packed, int64_t steps, int64_t m, int64_t n, int64_t k, T* c,
                   int64_t c_stride, T* scratch) noexcept;
  void (*multiply_to_f32)(const T* a, int64_t a_stride, const T* packed, int64_t steps, int64_t m, int64_t n, int64_t k,
                          float* c, int64_t c_stride, T* scratch) noexcept;
};

/// Null for a target without AVX512-BF16, of f32 without AVX-512. Their functions are noexcept, do not allocate, and
/// are safe to call concurrently.
const TileProducts<uint16_t>* tile_products_bf16(Target target);
const TileProducts<float>* tile_products_f32(Target target);

}  // namespace nxm
