// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scalar references: plain loops, the oracle of every other kernel and what runs where there is no other. Internal
// to kernels and its tests.

#include <cstdint>
#include <memory>

#include "nxm/kernels/linear.h"
#include "nxm/kernels/ops.h"

namespace nxm {

/// Any dense or packed source. `x_bits` as in LinearKernel. Sums in double (kInt8: in integers).
std::unique_ptr<Linear> make_reference(const LinearSource& source, Precision precision, int x_bits);

extern const Ops kScalarOps;

/// A row of activations as kInt8 takes it: x ~ scale * (q - zero).
struct Quantized {
  float scale;
  int32_t zero;
};
/// Of an activation of kInt8, where the sums of products are 32 bits wide all along.
constexpr int kInt8Bits = 8;
/// Where two products are added up in 16 bits: 2 * 127 * 127 < 2^15.
constexpr int kInt8BitsIn16 = 7;
/// The largest quantised activation.
constexpr int levels_of(int x_bits) { return (1 << x_bits) - 1; }
/// Quantises x[0...n) into q; |x - scale (q - zero)| <= scale. If a value is not finite, the scale is NaN.
Quantized quantize_row(const float* x, int64_t n, int levels, uint8_t* q);
/// For activations in low...high, low <= 0 <= high.
Quantized quantization(float low, float high, int levels);
uint8_t quantized(float x, float inverse_scale, int32_t zero, int levels);

}  // namespace nxm
