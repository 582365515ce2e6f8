// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/tile_products.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "cases.h"
#include "nxm/core/dtype.h"

namespace nxm {
namespace {

using testing::Guarded;

float widened(uint16_t x) { return bf16_to_f32(x); }
float widened(float x) { return x; }
template <typename T>
T narrowed(float x) {
  if constexpr (std::is_same_v<T, float>) return x;
  return f32_to_bf16(x);
}

/// (rows, columns) of values that T holds, rows `stride` apart.
template <typename T>
struct Matrix {
  int64_t rows, columns, stride;
  std::vector<T> own;
  std::vector<float> f32;

  Matrix(int64_t r, int64_t c, int64_t more, Rng& rng) : rows(r), columns(c), stride(c + more) {
    for (int64_t i = 0; i < rows * stride; ++i) {
      own.push_back(narrowed<T>(static_cast<float>(rng.normal())));
      f32.push_back(widened(own.back()));
    }
  }
  [[nodiscard]] double at(int64_t r, int64_t c) const { return f32[static_cast<size_t>(r * stride + c)]; }
};

struct F32 {
  using Type = float;
  static constexpr Target kNeeds = Target::kAvx512;
  static const TileProducts<float>* of(Target target) { return tile_products_f32(target); }
};
struct BF16 {
  using Type = uint16_t;
  static constexpr Target kNeeds = Target::kAvx512Bf16;
  static const TileProducts<uint16_t>* of(Target target) { return tile_products_bf16(target); }
};
struct BF16OnTiles : BF16 {
  static constexpr Target kNeeds = Target::kAmx;
};

template <typename P>
class TileProductsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::runs_here(P::kNeeds)) GTEST_SKIP() << "no " << name_of(P::kNeeds) << " here";
  }
  const TileProducts<typename P::Type>& products_ = *P::of(P::kNeeds);
};

struct Names {
  template <typename P>
  static std::string GetName(int /*index*/) {  // NOLINT(readability-identifier-naming): GoogleTest's
    return fmt::format("{}_{}", std::is_same_v<P, F32> ? "f32" : "bf16", name_of(P::kNeeds));
  }
};
using All = ::testing::Types<F32, BF16, BF16OnTiles>;
TYPED_TEST_SUITE(TileProductsTest, All, Names);

TEST(TileProducts, OnlyWhereThereAreInstructionsForThem) {
  for (const Target target : available_targets()) {
    EXPECT_EQ(tile_products_bf16(target) != nullptr, includes(target, Target::kAvx512Bf16)) << name_of(target);
    EXPECT_EQ(tile_products_f32(target) != nullptr, includes(target, Target::kAvx512)) << name_of(target);
  }
}

// c = a b, and the same from b transposed, and from a transposed twice; b whole and in two parts of its rows.
TYPED_TEST(TileProductsTest, EveryWayIsTheSumOfProducts) {
  using T = typename TypeParam::Type;
  constexpr int64_t kUnit = TileProducts<T>::kUnit;
  const TileProducts<T>& products = this->products_;
  Rng rng(1, "tile products");
  for (const int64_t m : {32, 64, 160, 1056}) {
    for (const int64_t n : {32, 96}) {
      for (const int64_t k : {32, 64, 416}) {
        const Matrix<T> a(m, k, 8, rng), b(k, n, 3, rng);
        const int64_t steps = k / kUnit;
        std::vector<float> b_t(static_cast<size_t>(k * n));
        for (int64_t i = 0; i < k; ++i) {
          for (int64_t j = 0; j < n; ++j) b_t[static_cast<size_t>(j * k + i)] = static_cast<float>(b.at(i, j));
        }
        std::vector<std::vector<T>> packed(4, std::vector<T>(static_cast<size_t>(k * n)));
        products.pack(b.own.data(), b.stride, k, n, steps, packed[0].data());
        products.pack_f32(b.f32.data(), b.stride, k, n, steps, packed[1].data());
        products.pack_f32_columns(b_t.data(), k, k, n, steps, packed[2].data());
        const int64_t upper = steps / 2 * kUnit;
        products.pack(b.own.data(), b.stride, upper, n, steps, packed[3].data());
        products.pack(b.own.data() + upper * b.stride, b.stride, k - upper, n, steps, packed[3].data() + upper * kUnit);
        for (int i = 1; i < 4; ++i) EXPECT_EQ(packed[i], packed[0]) << i << " " << m << " " << n << " " << k;

        Guarded<T> turned(k * (m + 2)), back(m * k);
        products.transpose(a.own.data(), a.stride, m, k, turned.data(), m + 2);
        for (int64_t i = 0; i < k; ++i) {
          for (int64_t j = 0; j < m; ++j) ASSERT_EQ(turned.data()[i * (m + 2) + j], a.own[j * a.stride + i]);
        }
        EXPECT_TRUE(turned.intact());

        Guarded<float> exact(m * n);
        Guarded<T> rounded(m * (n + 1)), scratch(kUnit * k, 0);
        products.multiply_to_f32(a.own.data(), a.stride, packed[0].data(), steps, m, n, k, exact.data(), n,
                                 scratch.data());
        products.multiply(a.own.data(), a.stride, packed[0].data(), steps, m, n, k, rounded.data(), n + 1,
                          scratch.data());
        EXPECT_TRUE(exact.intact() && rounded.intact() && scratch.intact());
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < n; ++j) {
            double want = 0, size = 0;
            for (int64_t s = 0; s < k; ++s) {
              want += a.at(i, s) * b.at(s, j);
              size += std::fabs(a.at(i, s) * b.at(s, j));
            }
            const double tolerance = 1e-6 * size, rounding = std::is_same_v<T, float> ? 0 : 1.0 / 256;
            ASSERT_NEAR(exact.data()[i * n + j], want, tolerance) << m << " " << n << " " << k;
            ASSERT_NEAR(widened(rounded.data()[i * (n + 1) + j]), want, rounding * std::fabs(want) + tolerance);
          }
        }
      }
    }
  }
}

// A part of k: the second half of a against the second half of b.
TYPED_TEST(TileProductsTest, PartsOfTheRightOperand) {
  using T = typename TypeParam::Type;
  constexpr int64_t kUnit = TileProducts<T>::kUnit;
  const TileProducts<T>& products = this->products_;
  Rng rng(2, "parts");
  const int64_t m = 64, n = 64, k = 128, half = k / 2, steps = k / kUnit;
  const Matrix<T> a(m, k, 0, rng), b(k, n, 0, rng);
  std::vector<T> packed(static_cast<size_t>(k * n));
  products.pack(b.own.data(), n, k, n, steps, packed.data());
  std::vector<float> c(static_cast<size_t>(m * n));
  AlignedVector<T> scratch(static_cast<size_t>(kUnit * half));
  products.multiply_to_f32(a.own.data() + half, k, packed.data() + half * kUnit, steps, m, n, half, c.data(), n,
                           scratch.data());
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double want = 0;
      for (int64_t s = half; s < k; ++s) want += a.at(i, s) * b.at(s, j);
      ASSERT_NEAR(c[static_cast<size_t>(i * n + j)], want, 1e-4);
    }
  }
}

TYPED_TEST(TileProductsTest, KeepsWhatIsNotANumber) {
  using T = typename TypeParam::Type;
  const TileProducts<T>& products = this->products_;
  const int64_t n = products.kUnit;
  std::vector<float> x(static_cast<size_t>(n * n), 1.0F);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  std::vector<T> packed(x.size()), a(x.size()), c(x.size());
  AlignedVector<T> scratch(x.size());
  products.pack_f32(x.data(), n, n, n, 1, packed.data());
  products.multiply(a.data(), n, packed.data(), 1, n, n, n, c.data(), n, scratch.data());
  EXPECT_TRUE(std::isnan(widened(c[5])));
  EXPECT_EQ(widened(c[6]), 0);
}

}  // namespace
}  // namespace nxm
