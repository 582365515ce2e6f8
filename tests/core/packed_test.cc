// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/packed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>

#include "core/matrix.h"
#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

const char* const kPatterns[] = {"1:2",  "2:4",  "4:8",   "8:16",  "1:4",   "3:7",   "63:64",
                                 "1:64", "5:12", "31:33", "2:4x2", "4:8x4", "3:7x3", "1:64x64"};

std::vector<float> unpacked(const PackedView& packed) {
  std::vector<float> out(static_cast<size_t>(packed.rows * packed.cols), NAN);
  unpack(packed, {out.data(), packed.rows, packed.cols});
  return out;
}

/// A random matrix of the pattern; `full` of the kept weights are not zero, the rest +0 or -0.
Matrix random_matrix(Rng& rng, const Pattern& p, int64_t blocks, int64_t groups, double full) {
  Matrix m(blocks * p.share, groups * p.of);
  std::vector<int64_t> columns(static_cast<size_t>(p.of));
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t g = 0; g < groups; ++g) {
      std::iota(columns.begin(), columns.end(), g * p.of);
      shuffle(std::span(columns), rng);
      for (int64_t r = b * p.share; r < (b + 1) * p.share; ++r) {
        for (int k = 0; k < p.keep; ++k) {
          const auto at = static_cast<size_t>(r * m.cols + columns[static_cast<size_t>(k)]);
          const bool zero = rng.uniform() >= full;
          m.data[at] = zero ? (rng.below(2) == 0 ? -0.0F : 0.0F) : static_cast<float>(rng.normal());
        }
      }
    }
  }
  return m;
}

/// The index at a bit, one bit at a time: what the format says, without the reader's code.
int index_at(const Packed& packed, int64_t r, int64_t i) {
  const int64_t row_bytes = index_row_bytes(packed.pattern, packed.cols);
  int index = 0;
  for (int b = 0; b < index_bits(packed.pattern); ++b) {
    const int64_t bit = i * index_bits(packed.pattern) + b;
    const auto byte =
        std::to_integer<int>(packed.indices[static_cast<size_t>(r / packed.pattern.share * row_bytes + bit / 8)]);
    index |= (byte >> bit % 8 & 1) << b;
  }
  return index;
}

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_error(const Packed& packed, std::string_view part) {
  const std::string text = error_of([&] { check(packed.view(), "layer 7"); });
  EXPECT_NE(text.find("layer 7"), std::string::npos) << text;
  EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
}

TEST(Packed, F32ComesBackBitForBitButForTheSignOfPrunedZeros) {
  Rng rng(1, "packed f32");
  for (const char* text : kPatterns) {
    const Pattern p = Pattern::parse(text);
    for (int round = 0; round < 20; ++round) {
      const Matrix m = random_matrix(rng, p, static_cast<int64_t>(rng.below(4)), static_cast<int64_t>(rng.below(9)),
                                     round % 3 == 0 ? 0.3 : 1);
      const Packed packed = pack(m.view(), p, DType::kF32, "w");
      check(packed.view(), "w");
      const std::vector<float> out = unpacked(packed.view());
      for (size_t i = 0; i < out.size(); ++i) {
        if (m.data[i] == 0) {
          ASSERT_EQ(out[i], 0) << text;
        } else {
          ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(m.data[i])) << text;
        }
      }
    }
  }
}

TEST(Packed, BytesAreWhatTheFormatSays) {
  Rng rng(2, "packed bits");
  for (const char* text : kPatterns) {
    const Pattern p = Pattern::parse(text);
    const Matrix m = random_matrix(rng, p, 3, 5, 0.8);
    const Packed packed = pack(m.view(), p, DType::kF32, "w");
    const int64_t count = int64_t{5} * p.keep;
    std::vector<uint8_t> columns(static_cast<size_t>(count));
    for (int64_t r = 0; r < m.rows; ++r) {
      unpack_indices(packed.view(), r, columns);
      for (int64_t i = 0; i < count; ++i) {
        const int index = index_at(packed, r, i);
        ASSERT_EQ(index, columns[static_cast<size_t>(i)]) << text;
        ASSERT_LT(index, p.of) << text;
        ASSERT_TRUE(i % p.keep == 0 || index > index_at(packed, r, i - 1)) << text;
        float value = 0;
        std::memcpy(&value, packed.values.data() + (r * count + i) * 4, 4);
        ASSERT_EQ(value, m.data[static_cast<size_t>(r * m.cols + i / p.keep * p.of + index)]) << text;
      }
    }
  }
}

TEST(Packed, ASmallExampleByHand) {
  // Groups {-, 1, -, 2}, {3, -, -, -} and {-, -, -, 4}; the second and the third are filled up with the lowest columns.
  const std::vector<float> w = {0, 1, 0, 2, 3, 0, 0, 0, 0, 0, 0, 4};
  const Packed packed = pack({w.data(), 1, 12}, {2, 4, 1}, DType::kI8, "w");
  // 1 3 | 0 1 | 0 3, two bits each, from the lowest bit on.
  EXPECT_EQ(packed.indices, (std::vector<std::byte>{std::byte{0b01'00'11'01}, std::byte{0b00'00'11'00}}));
  EXPECT_EQ(packed.scales, std::vector<float>{4.0F / 127});
  const std::vector<std::byte> values = {std::byte{32}, std::byte{64}, std::byte{95},
                                         std::byte{0},  std::byte{0},  std::byte{127}};
  EXPECT_EQ(packed.values, values);
}

TEST(Packed, SharedRowsKeepTheSameColumns) {
  const std::vector<float> w = {1, 0, 0, 0, 0, 0, 0, 2};  // alone each row would be filled up with another column
  const Packed packed = pack({w.data(), 2, 4}, {2, 4, 2}, DType::kF32, "w");
  EXPECT_EQ(packed.indices, std::vector<std::byte>{std::byte{0b11'00}});
  std::vector<uint8_t> columns(2);
  unpack_indices(packed.view(), 1, columns);
  EXPECT_EQ(columns, (std::vector<uint8_t>{0, 3}));
  EXPECT_EQ(unpacked(packed.view()), w);
}

TEST(Packed, SixteenBitsAreRoundedAsTheTypeRounds) {
  Rng rng(3, "packed 16");
  for (const char* text : kPatterns) {
    const Pattern p = Pattern::parse(text);
    const Matrix m = random_matrix(rng, p, 2, 4, 0.9);
    for (const DType dtype : {DType::kBF16, DType::kF16}) {
      const Packed packed = pack(m.view(), p, dtype, "w");
      check(packed.view(), "w");
      const std::vector<float> out = unpacked(packed.view());
      for (size_t i = 0; i < out.size(); ++i) {
        const float expected =
            dtype == DType::kBF16 ? bf16_to_f32(f32_to_bf16(m.data[i])) : f16_to_f32(f32_to_f16(m.data[i]));
        ASSERT_EQ(out[i], expected);
      }
    }
  }
}

TEST(Packed, Int8IsWithinHalfAScale) {
  Rng rng(4, "packed int8");
  for (const char* text : kPatterns) {
    const Pattern p = Pattern::parse(text);
    for (const float size : {1.0F, 1e-37F, 1e-39F, 1e-44F, 1e37F}) {  // normal, around and below the smallest normal
      Matrix m = random_matrix(rng, p, 2, 6, 0.9);
      for (float& value : m.data) value *= size;
      const Packed packed = pack(m.view(), p, DType::kI8, "w");
      check(packed.view(), "w");
      const std::vector<float> out = unpacked(packed.view());
      for (int64_t r = 0; r < m.rows; ++r) {
        const double scale = packed.scales[static_cast<size_t>(r)];
        for (int64_t c = 0; c < m.cols; ++c) {
          const auto at = static_cast<size_t>(r * m.cols + c);
          // The division and the product round too, to 2^-24 of at most 127 scales each.
          ASSERT_LE(std::fabs(double{out[at]} - double{m.data[at]}), scale * (0.5 + 127 * 0x1p-23)) << text;
        }
      }
    }
  }
  const std::vector<float> zeros(8);
  EXPECT_EQ(pack({zeros.data(), 1, 8}, {2, 4, 1}, DType::kI8, "w").scales, std::vector<float>{1});
}

TEST(Packed, SizesAreTheArithmetic) {
  Rng rng(5, "packed size");
  const Matrix m = random_matrix(rng, {2, 4, 1}, 16, 16, 1);
  for (const auto& [dtype, bits] : {std::pair{DType::kF32, 17}, {DType::kBF16, 9}, {DType::kF16, 9}, {DType::kI8, 5}}) {
    const Packed packed = pack(m.view(), {2, 4, 1}, dtype, "w");
    EXPECT_EQ((packed.values.size() + packed.indices.size()) * 8, static_cast<size_t>(16 * 64 * bits));
    EXPECT_EQ(packed.scales.size(), dtype == DType::kI8 ? 16U : 0U);
  }
  EXPECT_EQ(index_bits({1, 2, 1}), 1);
  EXPECT_EQ(index_bits({1, 3, 1}), 2);
  EXPECT_EQ(index_bits({2, 4, 1}), 2);
  EXPECT_EQ(index_bits({2, 5, 1}), 3);
  EXPECT_EQ(index_bits({1, 33, 1}), 6);
  EXPECT_EQ(index_bits({1, 64, 1}), 6);
  EXPECT_EQ(index_row_bytes({3, 7, 1}, 7), 2);  // 9 bits
  EXPECT_EQ(index_row_bytes({3, 7, 1}, 0), 0);
  EXPECT_EQ(packed_values({3, 7, 2}, 4, 14), 24);
}

TEST(Packed, WeightsThatCannotBePackedAreNamed) {
  std::vector<float> w = {0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3};
  const auto attempt = [&](const Pattern& p, DType dtype) {
    return error_of([&] { pack({w.data(), 2, 8}, p, dtype, "layer 7"); });
  };
  EXPECT_EQ(attempt({2, 4, 1}, DType::kF32),
            "[layer 7] not 2:4: expected at most 2 columns of 4 to 7 that are not zero in row 1, found 3. "
            "Prune the model to this pattern first");
  EXPECT_NE(attempt({1, 4, 2}, DType::kF32).find("rows 0 to 1"), std::string::npos);
  EXPECT_NE(attempt({3, 7, 1}, DType::kF32).find("layer 7"), std::string::npos);
  w.back() = 0;
  EXPECT_EQ(attempt({2, 4, 1}, DType::kF32), "no error");
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    w[2] = bad;
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kI8}) {
      EXPECT_NE(attempt({2, 4, 1}, dtype).find("row 0, column 2 is "), std::string::npos);
    }
  }
  w[2] = 65520;  // rounds to infinity
  EXPECT_NE(attempt({2, 4, 1}, DType::kF16).find("65520, which F16 cannot store"), std::string::npos);
  w[2] = std::numeric_limits<float>::max();
  EXPECT_NE(attempt({2, 4, 1}, DType::kBF16).find("which BF16 cannot store"), std::string::npos);
  EXPECT_EQ(attempt({2, 4, 1}, DType::kI8), "no error");
  EXPECT_THROW(pack({w.data(), 2, 8}, {2, 4, 1}, DType::kF64, "w"), ContractError);
}

class PackedCheck : public ::testing::Test {
 protected:
  static Packed packed_of(const char* pattern, DType dtype, int64_t blocks = 2, int64_t groups = 3) {
    Rng rng(6, "packed check");
    const Pattern p = Pattern::parse(pattern);
    return pack(random_matrix(rng, p, blocks, groups, 1).view(), p, dtype, "w");
  }
};

TEST_F(PackedCheck, IndicesOutsideRepeatingOrDescending) {
  Packed packed = packed_of("3:7", DType::kF32);
  packed.indices[0] = std::byte{0b11'001'000};  // 0 1 7: three bits can say 7, a group of 7 has no such column
  packed.indices[1] |= std::byte{1};
  expect_error(packed, "row 0, group 0: index 7 is outside a group of 7");
  packed = packed_of("2:4", DType::kF32);
  packed.indices[0] = std::byte{0b11'10'01'01};
  expect_error(packed, "row 0, group 0: expected ascending indices, found 1 after 1");
  packed.indices[0] = std::byte{0b10'11'11'10};
  expect_error(packed, "row 0, group 1: expected ascending indices, found 2 after 3");
  packed = packed_of("2:4x2", DType::kF32);
  packed.indices[2] = std::byte{0};
  expect_error(packed, "row 2, group 0");
}

TEST_F(PackedCheck, PaddingMustBeZero) {
  Packed packed = packed_of("2:4", DType::kF32);  // 12 bits a row
  check(packed.view(), "w");
  for (const size_t row : {size_t{0}, size_t{1}}) {
    for (int bit = 4; bit < 8; ++bit) {
      Packed bad = packed;
      bad.indices[row * 2 + 1] |= std::byte{1} << bit;
      expect_error(bad, "expected zeros after the last index");
    }
  }
}

TEST_F(PackedCheck, Scales) {
  for (const float bad : {NAN, INFINITY, -INFINITY, 0.0F, -0.0F, -1.0F}) {
    Packed packed = packed_of("2:4", DType::kI8);
    packed.scales[1] = bad;
    expect_error(packed, "row 1: expected a scale above 0, found ");
  }
}

TEST_F(PackedCheck, Values) {
  Packed packed = packed_of("2:4", DType::kI8);
  packed.values[3] = std::byte{0x80};
  expect_error(packed, "expected values from -127 to 127, found -128");
  packed = packed_of("2:4", DType::kI8);
  packed.values[2] = std::byte{127};
  packed.scales[0] = 3e38F;
  expect_error(packed, "row 0: value ");  // finite both, their product not
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    packed = packed_of("2:4", DType::kF32);
    std::memcpy(packed.values.data() + 28, &bad, 4);
    expect_error(packed, "row 1: value 1 is ");
    for (const auto& [dtype, bits] : {std::pair{DType::kBF16, f32_to_bf16(bad)}, {DType::kF16, f32_to_f16(bad)}}) {
      packed = packed_of("2:4", dtype);
      std::memcpy(packed.values.data() + 14, &bits, 2);
      expect_error(packed, "row 1: value 1 is ");
    }
  }
}

TEST_F(PackedCheck, Sizes) {
  const Packed good = packed_of("2:4", DType::kI8);
  const auto broken = [&](auto change, std::string_view part) {
    Packed packed = good;
    change(packed);
    expect_error(packed, part);
  };
  broken([](Packed& p) { p.values.pop_back(); }, "expected 12 bytes of values, found 11");
  broken([](Packed& p) { p.values.emplace_back(); }, "expected 12 bytes of values, found 13");
  broken([](Packed& p) { p.indices.pop_back(); }, "expected 4 bytes of indices, found 3");
  broken([](Packed& p) { p.indices.clear(); }, "expected 4 bytes of indices, found 0");
  broken([](Packed& p) { p.scales.pop_back(); }, "expected 2 scales, found 1");
  broken([](Packed& p) { p.dtype = DType::kBF16; }, "expected 24 bytes of values");
  broken([](Packed& p) { p.cols = 13; }, "cannot be 2:4");
  broken([](Packed& p) { p.pattern.share = 4; }, "cannot be 2:4x4");
  Packed f32 = packed_of("2:4", DType::kF32);
  f32.scales = {1, 1};
  expect_error(f32, "expected 0 scales, found 2");
}

TEST_F(PackedCheck, ShapesWhoseSizesOverflow) {
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  for (const auto& [rows, cols] : {std::pair{kLargest, kLargest},
                                   {int64_t{1} << 32, int64_t{1} << 32},
                                   {int64_t{1} << 62, int64_t{4}},
                                   {int64_t{0}, kLargest - 3},
                                   {kLargest, int64_t{0}},
                                   {int64_t{-1}, int64_t{4}},
                                   {int64_t{4}, int64_t{-4}}}) {
    for (const DType dtype : {DType::kF32, DType::kI8}) {
      expect_error(Packed{{2, 4, 1}, dtype, rows, cols, {}, {}, {}}, "is not that of a matrix");
    }
  }
  expect_error(Packed{{2, 4, 1}, DType::kF32, int64_t{1} << 29, int64_t{1} << 30, {}, {}, {}}, "bytes of values");
  check(PackedView{{2, 4, 1}, DType::kF32, 0, 8, {}, {}, {}}, "w");
  check(PackedView{{2, 4, 1}, DType::kF32, 8, 0, {}, {}, {}}, "w");
}

TEST_F(PackedCheck, EveryByteMayBeAnything) {
  // Whatever the bytes: an Error, or a matrix that packs into something of the same meaning.
  Rng rng(7, "packed bytes");
  for (const char* text : kPatterns) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kI8}) {
      for (int round = 0; round < 100; ++round) {
        Packed packed = packed_of(text, dtype, 1, 2);
        std::vector<std::byte>& part = round % 2 == 0 ? packed.indices : packed.values;
        part[rng.below(part.size())] ^= static_cast<std::byte>(1U << rng.below(8));
        try {
          check(packed.view(), "w");
        } catch (const Error&) {
          continue;
        }
        const std::vector<float> out = unpacked(packed.view());
        const Packed again = pack({out.data(), packed.rows, packed.cols}, packed.pattern, DType::kF32, "w");
        EXPECT_EQ(unpacked(again.view()), out);
      }
    }
  }
}

TEST(Packed, UnpackWantsAMatrixOfItsShape) {
  const std::vector<float> w(8);
  const Packed packed = pack({w.data(), 2, 4}, {2, 4, 1}, DType::kF32, "w");
  std::vector<float> out(8);
  EXPECT_THROW(unpack(packed.view(), {out.data(), 1, 8}), ContractError);
}

}  // namespace
}  // namespace nxm
