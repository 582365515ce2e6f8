// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/dtype.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Half {
  const char* name;
  float (*widen)(uint16_t);
  uint16_t (*narrow)(float);
  int exponent_bits;
  int fraction_bits;
};
constexpr Half kHalves[] = {{"f16", f16_to_f32, f32_to_f16, 5, 10}, {"bf16", bf16_to_f32, f32_to_bf16, 8, 7}};

/// What IEEE 754 says the bits mean, by arithmetic in double.
double meaning(const Half& half, uint16_t bits) {
  const int exponent = (bits & 0x7FFF) >> half.fraction_bits;
  const int fraction = bits & ((1 << half.fraction_bits) - 1);
  const int special = (1 << half.exponent_bits) - 1;
  const int bias = special >> 1;
  double value = std::ldexp(fraction, 1 - bias - half.fraction_bits);
  if (exponent > 0) value = std::ldexp((1 << half.fraction_bits) + fraction, exponent - bias - half.fraction_bits);
  if (exponent == special) value = fraction == 0 ? kInfinity : std::nan("");
  return bits >> 15 != 0 ? -value : value;
}

TEST(Dtype, All65536HalvesMeanWhatTheStandardSaysAndComeBack) {
  for (const Half& half : kHalves) {
    for (uint32_t i = 0; i <= 0xFFFF; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const double expected = meaning(half, bits);
      const float got = half.widen(bits);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(got)) << half.name << ' ' << bits;
        ASSERT_TRUE(std::isnan(half.widen(half.narrow(got)))) << half.name << ' ' << bits;
        continue;
      }
      ASSERT_EQ(got, expected) << half.name << ' ' << bits;
      ASSERT_EQ(std::signbit(got), std::signbit(expected)) << half.name << ' ' << bits;
      ASSERT_EQ(half.narrow(got), bits) << half.name;
    }
  }
}

/// Rounding is monotone, so it is right everywhere if it is right at and beside the middle of every two neighbours.
TEST(Dtype, RoundsToNearestTiesToEvenBetweenAllNeighbours) {
  for (const Half& half : kHalves) {
    const auto infinity = static_cast<uint16_t>(((1 << half.exponent_bits) - 1) << half.fraction_bits);
    for (uint16_t low = 0; low < infinity; ++low) {
      const auto high = static_cast<uint16_t>(low + 1);
      // Beyond the largest number the next one would be 2^(bias + 1): what rounds there becomes infinity.
      const double above = high == infinity ? std::ldexp(1, 1 << (half.exponent_bits - 1)) : meaning(half, high);
      const auto middle = static_cast<float>((meaning(half, low) + above) / 2);
      const uint16_t even = low % 2 == 0 ? low : high;
      for (const uint16_t sign : {uint16_t{0}, uint16_t{0x8000}}) {
        const auto narrow = [&](float x) { return half.narrow(sign == 0 ? x : -x); };
        ASSERT_EQ(narrow(middle), sign | even) << half.name << ' ' << low;
        ASSERT_EQ(narrow(std::nextafter(middle, 0.0F)), sign | low) << half.name << ' ' << low;
        ASSERT_EQ(narrow(std::nextafter(middle, kInfinity)), sign | high) << half.name << ' ' << low;
      }
    }
    EXPECT_EQ(half.narrow(kInfinity), infinity);
    EXPECT_EQ(half.narrow(std::numeric_limits<float>::max()), infinity);
    for (const uint32_t nan : {0x7F800001U, 0x7FFFFFFFU, 0xFF800001U, 0x7FC00000U}) {
      EXPECT_TRUE(std::isnan(half.widen(half.narrow(std::bit_cast<float>(nan))))) << half.name;
    }
  }
}

// Sums over 2^22 floats spread over all bit patterns (NaN left out), made with numpy 2 (f16) and torch 2.13 (f16,
// bf16):
//   bits = (i * 2654435761) mod 2^32;  sum of narrow(bits) * (2 i + 1) mod 2^64
TEST(Dtype, AgreesWithNumpyAndTorch) {
  uint64_t f16 = 0;
  uint64_t bf16 = 0;
  for (uint64_t i = 0; i < 1U << 22; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(i * 2654435761U));
    if (std::isnan(value)) continue;
    f16 += f32_to_f16(value) * (2 * i + 1);
    bf16 += f32_to_bf16(value) * (2 * i + 1);
  }
  EXPECT_EQ(f16, 0x07d86052c64359f9U);
  EXPECT_EQ(bf16, 0x07f404603bc35126U);
}

TEST(Dtype, NamesAndSizes) {
  const struct {
    DType type;
    const char* name;
    size_t size;
  } table[] = {{DType::kBool, "BOOL", 1}, {DType::kU8, "U8", 1},   {DType::kI8, "I8", 1},     {DType::kU16, "U16", 2},
               {DType::kI16, "I16", 2},   {DType::kF16, "F16", 2}, {DType::kBF16, "BF16", 2}, {DType::kU32, "U32", 4},
               {DType::kI32, "I32", 4},   {DType::kF32, "F32", 4}, {DType::kU64, "U64", 8},   {DType::kI64, "I64", 8},
               {DType::kF64, "F64", 8}};
  for (const auto& row : table) {
    EXPECT_EQ(name_of(row.type), row.name);
    EXPECT_EQ(size_of(row.type), row.size);
    EXPECT_EQ(parse_dtype(row.name), row.type);
    EXPECT_EQ(is_float(row.type), std::string_view(row.name).find('F') != std::string_view::npos);
  }
  for (const char* other : {"", "f32", "F8_E4M3", "FLOAT", "F32 "})
    EXPECT_EQ(parse_dtype(other), std::nullopt) << other;
}

template <typename T>
std::vector<std::byte> bytes_of(const std::vector<T>& values, size_t offset) {
  std::vector<std::byte> bytes(offset + values.size() * sizeof(T));
  std::memcpy(bytes.data() + offset, values.data(), values.size() * sizeof(T));
  return bytes;
}

TEST(Dtype, ToF32ReadsEveryFloatTypeAtAnyAlignment) {
  Rng rng(1, "to_f32");
  const size_t n = 1001;
  std::vector<uint16_t> half(n);
  std::vector<float> single(n);
  std::vector<double> wide(n);
  for (size_t i = 0; i < n; ++i) {
    half[i] = static_cast<uint16_t>(rng.below(0x7C00));  // finite
    single[i] = static_cast<float>(rng.normal());
    wide[i] = rng.normal();
  }
  for (const size_t offset : {0U, 1U, 3U}) {
    const auto read = [&](DType type, const std::vector<std::byte>& bytes) {
      std::vector<float> out(n);
      to_f32(type, std::span(bytes).subspan(offset), out);
      return out;
    };
    const auto f16 = read(DType::kF16, bytes_of(half, offset));
    const auto bf16 = read(DType::kBF16, bytes_of(half, offset));
    const auto f64 = read(DType::kF64, bytes_of(wide, offset));
    EXPECT_EQ(read(DType::kF32, bytes_of(single, offset)), single);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(f16[i], f16_to_f32(half[i]));
      EXPECT_EQ(bf16[i], bf16_to_f32(half[i]));
      EXPECT_EQ(f64[i], static_cast<float>(wide[i]));
    }
  }
}

TEST(Dtype, ToF32RefusesOtherTypesAndLengths) {
  std::vector<std::byte> bytes(16);
  std::vector<float> out(4);
  EXPECT_THROW(to_f32(DType::kF16, bytes, out), ContractError);
  EXPECT_THROW(to_f32(DType::kF64, bytes, out), ContractError);
  EXPECT_THROW(to_f32(DType::kI32, bytes, out), ContractError);
  to_f32(DType::kF32, {}, {});
}

}  // namespace
}  // namespace nxm
