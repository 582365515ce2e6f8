// SPDX-License-Identifier: Apache-2.0
#pragma once
// Element types of stored tensors, and the two 16-bit floats as numbers.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace nxm {

/// The types safetensors names, in its spelling: "F32", "BF16", "I64", …
enum class DType { kBool, kU8, kI8, kU16, kI16, kF16, kBF16, kU32, kI32, kF32, kU64, kI64, kF64 };

[[nodiscard]] size_t size_of(DType type);            ///< bytes an element
[[nodiscard]] std::string_view name_of(DType type);  ///< "F32"
[[nodiscard]] bool is_float(DType type);             ///< F16, BF16, F32, F64
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view name);

/// Bits of IEEE binary16 / bfloat16 <-> float. To 16 bits: round to nearest, ties to even; NaN stays NaN.
[[nodiscard]] float f16_to_f32(uint16_t bits);
[[nodiscard]] uint16_t f32_to_f16(float value);
[[nodiscard]] float bf16_to_f32(uint16_t bits);
[[nodiscard]] uint16_t f32_to_bf16(float value);

/// Any float type (F16, BF16, F32, F64) to f32, elementwise. bytes.size() must be out.size() * size_of(type) and
/// `type` a float type, else ContractError. No alignment is needed.
void to_f32(DType type, std::span<const std::byte> bytes, std::span<float> out);

/// No value is NaN or infinite. At the speed of reading them.
[[nodiscard]] bool all_finite(std::span<const float> values);

}  // namespace nxm
