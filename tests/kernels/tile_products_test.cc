// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/tile_products.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cases.h"
#include "nxm/core/dtype.h"

namespace nxm {
namespace {

using testing::Guarded;

/// (rows, columns) of values that bf16 holds, rows `stride` apart.
struct Matrix {
  int64_t rows, columns, stride;
  std::vector<uint16_t> bits;
  std::vector<float> f32;

  Matrix(int64_t r, int64_t c, int64_t more, Rng& rng) : rows(r), columns(c), stride(c + more) {
    for (int64_t i = 0; i < rows * stride; ++i) {
      bits.push_back(f32_to_bf16(static_cast<float>(rng.normal())));
      f32.push_back(bf16_to_f32(bits.back()));
    }
  }
  [[nodiscard]] double at(int64_t r, int64_t c) const { return f32[static_cast<size_t>(r * stride + c)]; }
};

class TileProductsTest : public ::testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    if (!testing::runs_here(GetParam())) GTEST_SKIP() << "no " << name_of(GetParam()) << " here";
  }
  const TileProducts& products_ = *tile_products(GetParam());
};

TEST(TileProducts, OnlyWhereThereAreProductsOfBf16) {
  for (const Target target : available_targets()) {
    EXPECT_EQ(tile_products(target) != nullptr, includes(target, Target::kAvx512Bf16)) << name_of(target);
  }
}

// c = a b, and the same from b transposed, and from a transposed twice; b whole and in two parts of its rows.
TEST_P(TileProductsTest, EveryWayIsTheSumOfProducts) {
  Rng rng(1, "tile products");
  for (const int64_t m : {32, 64, 160, 1056}) {
    for (const int64_t n : {32, 96}) {
      for (const int64_t k : {32, 64, 416}) {
        const Matrix a(m, k, 8, rng), b(k, n, 3, rng);
        const int64_t steps = k / TileProducts::kUnit;
        std::vector<float> b_t(static_cast<size_t>(k * n));
        for (int64_t i = 0; i < k; ++i) {
          for (int64_t j = 0; j < n; ++j) b_t[static_cast<size_t>(j * k + i)] = static_cast<float>(b.at(i, j));
        }
        std::vector<std::vector<uint16_t>> packed(4, std::vector<uint16_t>(static_cast<size_t>(k * n)));
        products_.pack(b.bits.data(), b.stride, k, n, steps, packed[0].data());
        products_.pack_f32(b.f32.data(), b.stride, k, n, steps, packed[1].data());
        products_.pack_f32_columns(b_t.data(), k, k, n, steps, packed[2].data());
        const int64_t upper = steps / 2 * TileProducts::kUnit;
        products_.pack(b.bits.data(), b.stride, upper, n, steps, packed[3].data());
        products_.pack(b.bits.data() + upper * b.stride, b.stride, k - upper, n, steps,
                       packed[3].data() + steps / 2 * TileProducts::kUnit * TileProducts::kUnit);
        for (int i = 1; i < 4; ++i) EXPECT_EQ(packed[i], packed[0]) << i << " " << m << " " << n << " " << k;

        Guarded<uint16_t> turned(k * (m + 2)), back(m * k);
        products_.transpose(a.bits.data(), a.stride, m, k, turned.data(), m + 2);
        for (int64_t i = 0; i < k; ++i) {
          for (int64_t j = 0; j < m; ++j) ASSERT_EQ(turned.data()[i * (m + 2) + j], a.bits[j * a.stride + i]);
        }
        EXPECT_TRUE(turned.intact());

        Guarded<float> exact(m * n);
        Guarded<uint16_t> rounded(m * (n + 1)), scratch(TileProducts::kUnit * k, 0);
        products_.multiply_to_f32(a.bits.data(), a.stride, packed[0].data(), steps, m, n, k, exact.data(), n,
                                  scratch.data());
        products_.multiply(a.bits.data(), a.stride, packed[0].data(), steps, m, n, k, rounded.data(), n + 1,
                           scratch.data());
        EXPECT_TRUE(exact.intact() && rounded.intact() && scratch.intact());
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            double want = 0, size = 0;
            for (int64_t s = 0; s < k; ++s) {
              want += a.at(i, s) * b.at(s, j);
              size += std::fabs(a.at(i, s) * b.at(s, j));
            }
            const double tolerance = 1e-6 * size;
            ASSERT_NEAR(exact.data()[i * n + j], want, tolerance) << m << " " << n << " " << k;
            ASSERT_NEAR(bf16_to_f32(rounded.data()[i * (n + 1) + j]), want, tolerance + std::fabs(want) / 256);
          }
        }
      }
    }
  }
}

// A part of k: the second half of a against the second half of b.
TEST_P(TileProductsTest, PartsOfTheRightOperand) {
  Rng rng(2, "parts");
  const int64_t m = 64, n = 64, k = 128, half = k / 2, steps = k / TileProducts::kUnit;
  const Matrix a(m, k, 0, rng), b(k, n, 0, rng);
  std::vector<uint16_t> packed(static_cast<size_t>(k * n));
  products_.pack(b.bits.data(), n, k, n, steps, packed.data());
  std::vector<float> c(static_cast<size_t>(m * n));
  AlignedVector<uint16_t> scratch(static_cast<size_t>(TileProducts::kUnit * half));
  products_.multiply_to_f32(a.bits.data() + half, k, packed.data() + steps / 2 * 1024, steps, m, n, half, c.data(), n,
                            scratch.data());
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double want = 0;
      for (int64_t s = half; s < k; ++s) want += a.at(i, s) * b.at(s, j);
      ASSERT_NEAR(c[static_cast<size_t>(i * n + j)], want, 1e-4);
    }
  }
}

TEST_P(TileProductsTest, KeepsWhatIsNotANumber) {
  const int64_t n = TileProducts::kUnit;
  std::vector<float> x(static_cast<size_t>(n * n), 1.0F);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  std::vector<uint16_t> packed(x.size()), a(x.size(), f32_to_bf16(0)), c(x.size());
  AlignedVector<uint16_t> scratch(x.size());
  products_.pack_f32(x.data(), n, n, n, 1, packed.data());
  products_.multiply(a.data(), n, packed.data(), 1, n, n, n, c.data(), n, scratch.data());
  EXPECT_TRUE(std::isnan(bf16_to_f32(c[5])));
  EXPECT_EQ(bf16_to_f32(c[6]), 0);
}

INSTANTIATE_TEST_SUITE_P(Kernels, TileProductsTest, ::testing::Values(Target::kAvx512Bf16, Target::kAmx),
                         [](const auto& given) { return std::string(name_of(given.param)); });

}  // namespace
}  // namespace nxm
