// SPDX-License-Identifier: Apache-2.0
#pragma once
// Products of bf16 matrices as fine-tuning needs them, on Intel's AMX and on AVX512-BF16: sums in f32, operands that
// change at every step.
// With x (R, I), W (O, I) and y = x W^T: y takes W packed by columns, x's gradient y_g W takes it packed by rows, and
// W's gradient y_g^T x takes y_g transposed and x packed by rows. Unlike a library's products these are compiled once,
// whatever the shape, and read W as f32.
//
// Every dimension is a multiple of kUnit. bf16 is 16 bits of uint16_t, rounded to nearest even; what is below f32's
// smallest normal number is 0.

#include <cstdint>

#include "nxm/kernels/target.h"

namespace nxm {

/// The right operand (k, n) of a product, in blocks of kUnit rows by kUnit columns: block (s, g) lies at
/// ((g * steps + s) * kUnit * kUnit), steps being k / kUnit. In it 16 columns, then the other 16; of them 16 pairs of
/// rows, each pair with its 16 columns' two values side by side.
struct TileProducts {
  static constexpr int64_t kUnit = 32;

  /// packed <- the first k of x (k, n). Rows x_stride apart. `steps`: of the whole operand, of which this may be a
  /// part.
  void (*pack)(const uint16_t* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, uint16_t* packed) noexcept;
  void (*pack_f32)(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, uint16_t* packed) noexcept;
  /// packed <- x^T, x (n, k).
  void (*pack_f32_columns)(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps,
                           uint16_t* packed) noexcept;
  /// y (columns, rows) <- x^T, x (rows, columns).
  void (*transpose)(const uint16_t* x, int64_t x_stride, int64_t rows, int64_t columns, uint16_t* y,
                    int64_t y_stride) noexcept;
  /// c (m, n) = a (m, k) b (k, n), b packed with so many `steps`. `scratch`: kUnit * k values, 64-byte aligned.
  void (*multiply)(const uint16_t* a, int64_t a_stride, const uint16_t* packed, int64_t steps, int64_t m, int64_t n,
                   int64_t k, uint16_t* c, int64_t c_stride, uint16_t* scratch) noexcept;
  void (*multiply_to_f32)(const uint16_t* a, int64_t a_stride, const uint16_t* packed, int64_t steps, int64_t m,
                          int64_t n, int64_t k, float* c, int64_t c_stride, uint16_t* scratch) noexcept;
};

/// Null for a target without AVX512-BF16. Their functions are noexcept, do not allocate, and are safe to call
/// concurrently.
const TileProducts* tile_products(Target target);

}  // namespace nxm
