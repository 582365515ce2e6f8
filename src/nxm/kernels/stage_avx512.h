// SPDX-License-Identifier: Apache-2.0
#pragma once
// How the products on AVX-512 and AMX take x: rounded or quantised into scratch, row by row. Internal to kernels.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "nxm/kernels/avx512.h"
#include "nxm/kernels/tile.h"

namespace nxm::avx512 {

/// Activations that are worth waking a thread to convert.
constexpr int64_t kStageGrain = 16384;
constexpr int64_t kVector = 64;  ///< bytes

/// Rows a multiple of 4096 bytes apart would compete for the same lines of the first-level cache.
constexpr int64_t apart(int64_t stride) { return stride % 4096 == 0 ? stride + kVector : stride; }

/// Of scratch, for what quantised rows are quantised by; whole vectors. T: float, uint16_t (bf16) or int8_t.
template <typename T>
constexpr int64_t quantized_bytes(int64_t rows) {
  const int64_t bytes = std::is_same_v<T, int8_t> ? rows * static_cast<int64_t>(sizeof(Quantized)) : 0;
  return ceil_div(bytes, kVector) * kVector;
}

/// A row of x as the products take it, with zeros up to `stride` bytes. int8: of `bits` bits.
template <typename T>
void stage(const float* x, int64_t inputs, int64_t stride, std::byte* out, Quantized* by, int bits = kInt8Bits) {
  if constexpr (std::is_same_v<T, float>) {
    std::copy_n(x, inputs, reinterpret_cast<float*>(out));
  } else if constexpr (std::is_same_v<T, uint16_t>) {
    code()->to_bf16(x, inputs, reinterpret_cast<uint16_t*>(out));
  } else {
    code()->quantize(x, inputs, levels_of(bits), reinterpret_cast<uint8_t*>(out), by);
  }
  std::fill(out + inputs * static_cast<int64_t>(sizeof(T)), out + stride, std::byte{0});
}

}  // namespace nxm::avx512
