// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/dtype.h"

#include <array>
#include <bit>
#include <cstring>

#include "nxm/core/error.h"

namespace nxm {
namespace {

struct Info {
  std::string_view name;
  size_t size;
};

/// In the order of DType.
constexpr std::array kInfo = {Info{"BOOL", 1}, Info{"U8", 1},   Info{"I8", 1},  Info{"U16", 2}, Info{"I16", 2},
                              Info{"F16", 2},  Info{"BF16", 2}, Info{"U32", 4}, Info{"I32", 4}, Info{"F32", 4},
                              Info{"U64", 8},  Info{"I64", 8},  Info{"F64", 8}};
static_assert(kInfo.size() == static_cast<size_t>(DType::kF64) + 1);

constexpr uint32_t kF32Infinity = 0x7F800000;

/// out[i] = convert(the i-th Stored of bytes).
template <typename Stored, typename Convert>
void convert_each(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (size_t i = 0; i < out.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof(Stored), sizeof(Stored));
    out[i] = convert(stored);
  }
}

}  // namespace

size_t size_of(DType type) { return kInfo[static_cast<size_t>(type)].size; }

std::string_view name_of(DType type) { return kInfo[static_cast<size_t>(type)].name; }

bool is_float(DType type) {
  return type == DType::kF16 || type == DType::kBF16 || type == DType::kF32 || type == DType::kF64;
}

std::optional<DType> parse_dtype(std::string_view name) {
  for (size_t i = 0; i < kInfo.size(); ++i) {
    if (kInfo[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

float f16_to_f32(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000U) << 16;
  const uint32_t magnitude = bits & 0x7FFFU;
  if (magnitude >= 0x7C00) return std::bit_cast<float>(sign | kF32Infinity | magnitude << 13);  // infinity, NaN
  if (magnitude < 0x0400) {  // subnormal: a multiple of 2^-24
    const float value = static_cast<float>(magnitude) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
  }
  constexpr uint32_t kRebias = (127 - 15) << 23;
  return std::bit_cast<float>(sign | ((magnitude << 13) + kRebias));
}

uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000U;
  const uint32_t magnitude = bits & 0x7FFFFFFFU;
  uint32_t half = 0;
  if (magnitude > kF32Infinity) {
    half = 0x7E00 | (magnitude >> 13 & 0x3FFU);  // a quiet NaN with what fits of the payload
  } else if (magnitude >= std::bit_cast<uint32_t>(0x1p16F)) {
    half = 0x7C00;
  } else if (magnitude < std::bit_cast<uint32_t>(0x1p-14F)) {
    // Subnormal: the spacing of floats just above 0.5 is 2^-24, that of subnormal halves, so this sum rounds for us.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<uint32_t>(0.5F);
  } else {
    constexpr uint32_t kRebias = (127 - 15) << 23;
    half = (magnitude + 0x0FFF + (magnitude >> 13 & 1U) - kRebias) >> 13;  // a carry into the exponent is right
  }
  return static_cast<uint16_t>(sign | half);
}

float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > kF32Infinity) return static_cast<uint16_t>(bits >> 16 | 0x0040U);  // a quiet NaN
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1U)) >> 16);
}

void to_f32(DType type, std::span<const std::byte> bytes, std::span<float> out) {
  require(bytes.size() == out.size() * size_of(type), "to_f32: bytes and out differ in length");
  switch (type) {
    case DType::kF16:
      return convert_each<uint16_t>(bytes, out, f16_to_f32);
    case DType::kBF16:
      return convert_each<uint16_t>(bytes, out, bf16_to_f32);
    case DType::kF32:
      return convert_each<float>(bytes, out, [](float value) { return value; });
    case DType::kF64:
      return convert_each<double>(bytes, out, [](double value) { return static_cast<float>(value); });
    default:
      throw ContractError(fmt::format("to_f32: {} is not a float type", name_of(type)));
  }
}

bool all_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;  // all ones in NaN and infinity alone
  uint32_t bad = 0;                           // no early end: the loop is vectorised
  for (const float value : values)
    bad |= static_cast<uint32_t>((std::bit_cast<uint32_t>(value) & kExponent) == kExponent);
  return bad == 0;
}

}  // namespace nxm
