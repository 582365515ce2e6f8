// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/projection.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/matrix.h"
#include "nxm/core/error.h"
#include "nxm/core/projection_loops.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

struct Projected {
  Matrix out;
  std::vector<uint8_t> mask;
};

Projected project(Matrix& w, const Pattern& pattern, ThreadPool* pool = nullptr) {
  Projected result{{w.rows, w.cols}, std::vector<uint8_t>(w.data.size(), 7)};
  nxm::project(w.view(), pattern, result.out.view(), {result.mask.data(), w.rows, w.cols}, "layer", pool);
  return result;
}

/// Few different values, so that ties abound; both zeros, denormals and infinity among them.
float value_with_ties(Rng& rng) {
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  constexpr float kValues[] = {0.0F,       -0.0F,         1.0F,  -1.0F,
                               1.0F,       2.0F,          -2.0F, kDenormal,
                               -kDenormal, 3 * kDenormal, 1e30F, std::numeric_limits<float>::infinity()};
  return kValues[rng.below(std::size(kValues))];
}

Matrix random_matrix(int64_t rows, int64_t cols, bool ties, Rng& rng) {
  Matrix w(rows, cols);
  for (float& x : w.data) x = ties ? value_with_ties(rng) : static_cast<float>(rng.normal());
  return w;
}

/// The best columns of one group by trying all choices of `keep` of `of`. Of equally good ones the choice that keeps
/// the lowest columns wins: the one whose columns, as bits with column 0 highest, make the greatest number.
uint32_t brute_force(const Matrix& w, const Pattern& p, int64_t first_row, int64_t first_col) {
  const auto of = static_cast<uint32_t>(p.of);
  uint32_t best = 0;
  double best_kept = -1;
  for (uint32_t choice = (1U << of) - 1; choice > 0; --choice) {
    if (std::popcount(choice) != p.keep) continue;
    double kept = 0;  // what the projection does not lose
    for (uint32_t c = 0; c < of; ++c) {
      for (int64_t r = first_row; (choice >> (of - 1 - c) & 1U) != 0 && r < first_row + p.share; ++r) {
        const double x = w.data[static_cast<size_t>(r * w.cols + first_col + c)];
        kept += x * x;
      }
    }
    if (kept > best_kept) best = choice;
    best_kept = std::max(best_kept, kept);
  }
  return best;
}

TEST(Projection, EqualsBruteForceOverAllMasks) {
  Rng rng(1, "projection brute force");
  for (int round = 0; round < 300; ++round) {
    const int of = 2 + static_cast<int>(rng.below(9));
    const Pattern p{1 + static_cast<int>(rng.below(static_cast<uint64_t>(of) - 1)), of,
                    1 + static_cast<int>(rng.below(3))};
    // Small whole numbers: sums of squares are exact in any order, so ties are ties for both.
    Matrix w(p.share * static_cast<int64_t>(1 + rng.below(3)), p.of * static_cast<int64_t>(1 + rng.below(4)));
    for (float& x : w.data) x = static_cast<float>(rng.below(7)) - 3.0F;
    const Projected got = project(w, p);
    for (int64_t r = 0; r < w.rows; ++r) {
      for (int64_t c = 0; c < w.cols; ++c) {
        const uint32_t choice = brute_force(w, p, r / p.share * p.share, c / p.of * p.of);
        const bool kept = (choice >> (p.of - 1 - c % p.of) & 1U) != 0;
        const auto i = static_cast<size_t>(r * w.cols + c);
        ASSERT_EQ(got.mask[i], kept) << p.str() << " at " << r << ", " << c;
        ASSERT_EQ(std::bit_cast<uint32_t>(got.out.data[i]), kept ? std::bit_cast<uint32_t>(w.data[i]) : 0U);
      }
    }
  }
}

TEST(Projection, EqualsAStableSortForEveryPattern) {
  Rng rng(2, "projection sort");
  for (int of = 2; of <= 64; ++of) {
    for (int keep = 1; keep<of; keep += of> 20 ? 7 : 1) {
      const Pattern p{keep, of, 1};
      Matrix w = random_matrix(static_cast<int64_t>(1 + rng.below(5)), of * static_cast<int64_t>(1 + rng.below(40)),
                               rng.below(2) == 0, rng);
      const Projected got = project(w, p);
      std::vector<size_t> order(static_cast<size_t>(of));
      for (size_t group = 0; group < w.data.size(); group += order.size()) {
        for (size_t i = 0; i < order.size(); ++i) order[i] = group + i;
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return std::abs(w.data[a]) > std::abs(w.data[b]); });
        for (size_t rank = 0; rank < order.size(); ++rank) {
          const size_t i = order[rank];
          const bool kept = rank < static_cast<size_t>(keep);
          ASSERT_EQ(got.mask[i], kept) << p.str() << " at " << i;
          ASSERT_EQ(std::bit_cast<uint32_t>(got.out.data[i]), kept ? std::bit_cast<uint32_t>(w.data[i]) : 0U);
        }
      }
    }
  }
}

TEST(Projection, IdempotentInPlaceAndValid) {
  Rng rng(3, "projection twice");
  for (const char* text : {"1:2", "2:4", "4:8", "1:4", "3:4", "8:16", "5:7", "32:64", "2:4x2", "4:8x4", "3:5x3"}) {
    const Pattern p = Pattern::parse(text);
    for (const bool ties : {false, true}) {
      Matrix w = random_matrix(12, int64_t{37} * p.of, ties, rng);
      const Projected once = project(w, p);
      Matrix out = once.out;
      EXPECT_EQ(project(out, p).out.data, once.out.data) << text;
      EXPECT_TRUE(check_pattern(out.view(), p).valid()) << text;
      EXPECT_EQ(count_kept({once.mask.data(), w.rows, w.cols}), w.rows * w.cols / p.of * p.keep) << text;
      nxm::project(w.view(), p, w.view(), {}, "in place");
      EXPECT_EQ(w.data, once.out.data) << text;
    }
  }
}

TEST(Projection, DoesNotDependOnThreads) {
  Rng rng(4, "projection threads");
  for (const char* text : {"2:4", "4:8", "3:7", "2:4x4"}) {
    const Pattern p = Pattern::parse(text);
    Matrix w = random_matrix(212, int64_t{83} * p.of, true, rng);
    const Projected alone = project(w, p);
    for (const int threads : {1, 2, 3, 8}) {
      ThreadPool pool(threads);
      const Projected got = project(w, p, &pool);
      EXPECT_EQ(got.mask, alone.mask) << text;
      EXPECT_EQ(got.out.data, alone.out.data) << text;
    }
  }
}

TEST(Projection, EveryVariantThatTheMachineRunsGivesTheSame) {
  Rng rng(7, "projection variants");
  ASSERT_EQ(projection_variants().back().name, "plain");
  for (const char* text : {"1:2", "2:4", "4:8", "7:16", "3:7", "16:32", "2:4x4"}) {
    const Pattern p = Pattern::parse(text);
    for (const bool ties : {false, true}) {
      Matrix w = random_matrix(12, int64_t{83} * p.of, ties, rng);
      const Projected best = project(w, p);
      for (const ProjectionVariant& variant : projection_variants()) {
        Projected got{{w.rows, w.cols}, std::vector<uint8_t>(w.data.size(), 7)};
        const ProjectionJob job{w.view(), p, got.out.view(), {got.mask.data(), w.rows, w.cols}, "layer"};
        variant.project(job, 0, w.rows / p.share);
        EXPECT_EQ(got.mask, best.mask) << text << ' ' << variant.name;
        EXPECT_EQ(got.out.data, best.out.data) << text << ' ' << variant.name;
        w.data[w.data.size() - 2] = std::nanf("");
        EXPECT_THROW(variant.project(job, 0, w.rows / p.share), Error) << text << ' ' << variant.name;
        w = best.out;  // whose projection is itself
      }
    }
  }
}

TEST(Projection, KeepsMinusZeroAndPrefersDenormalsToZero) {
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  Matrix w(2, 4);
  w.data = {-0.0F, 0.0F, -0.0F, 0.0F, 0.0F, kDenormal, -2 * kDenormal, 0.0F};
  const Projected got = project(w, {2, 4, 1});
  EXPECT_EQ(got.mask, (std::vector<uint8_t>{1, 1, 0, 0, 0, 1, 1, 0}));
  EXPECT_TRUE(std::signbit(got.out.data[0]));   // kept as it was
  EXPECT_FALSE(std::signbit(got.out.data[2]));  // pruned: +0
  EXPECT_EQ(got.out.data[6], -2 * kDenormal);
}

TEST(Projection, SharedChoiceAddsSquaresOfVerySmallAndVeryLargeWeights) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  Matrix w(2, 4);
  w.data = {kMax, 0, kDenormal, 0, kMax, -kMax, kDenormal, kDenormal};
  EXPECT_EQ(project(w, {1, 2, 2}).mask, (std::vector<uint8_t>{1, 0, 1, 0, 1, 0, 1, 0}));
  w.data = {3, 4, 0, 1, 3, 0, 0, 0};  // 18 > 16; column by column 4 would win
  EXPECT_EQ(project(w, {1, 4, 2}).mask, (std::vector<uint8_t>{1, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(Projection, NanNamesLayerRowAndFirstColumnWhateverTheThreads) {
  Rng rng(5, "projection nan");
  for (const char* text : {"2:4", "8:16", "3:7", "2:4x2"}) {
    const Pattern p = Pattern::parse(text);
    for (int round = 0; round < 20; ++round) {
      Matrix w = random_matrix(240, int64_t{30} * p.of, true, rng);
      const size_t first = rng.below(w.data.size());
      for (size_t i = first; i < w.data.size(); i += 1 + rng.below(1000)) {
        w.data[i] = rng.below(2) == 0 ? std::nanf("") : -std::nanf("7");
      }
      const auto row = static_cast<int64_t>(first) / w.cols;
      const std::string place =
          "row " + std::to_string(row) + ", column " + std::to_string(static_cast<int64_t>(first) % w.cols);
      for (const int threads : {1, 3}) {
        ThreadPool pool(threads);
        try {
          project(w, p, &pool);
          FAIL() << text << ": no error for NaN at " << place;
        } catch (const Error& error) {
          const std::string what = error.what();
          EXPECT_TRUE(what.starts_with("[projection] layer 'layer'")) << what;
          EXPECT_NE(what.find(place + "."), std::string::npos) << what << " instead of " << place;
        }
      }
    }
  }
}

TEST(Projection, ChooseMaskIsTheMaskOfProject) {
  Rng rng(6, "projection scores");
  for (const char* text : {"2:4", "5:9", "2:4x2"}) {
    const Pattern p = Pattern::parse(text);
    Matrix w = random_matrix(8, int64_t{50} * p.of, true, rng);
    std::vector<uint8_t> mask(w.data.size(), 7);
    choose_mask(w.view(), p, {mask.data(), w.rows, w.cols}, "layer");
    EXPECT_EQ(mask, project(w, p).mask) << text;
  }
  float nan = std::nanf("");
  Matrix w(1, 4);
  w.data = {1, 2, 3, nan};
  std::vector<uint8_t> mask(4);
  EXPECT_THROW(choose_mask(w.view(), {2, 4, 1}, {mask.data(), 1, 4}, "layer"), Error);
}

TEST(Projection, RefusesShapesThatDoNotFitOrDisagree) {
  Matrix w(2, 6);
  EXPECT_THROW(project(w, {2, 4, 1}), Error);
  EXPECT_THROW(project(w, {1, 2, 4}), Error);
  Matrix other(6, 2);
  EXPECT_THROW(nxm::project(w.view(), {1, 2, 1}, other.view(), {}, "layer"), ContractError);
  std::vector<uint8_t> mask(12);
  EXPECT_THROW(nxm::project(w.view(), {1, 2, 1}, w.view(), {mask.data(), 6, 2}, "layer"), ContractError);
  EXPECT_THROW(choose_mask(w.view(), {1, 2, 1}, {mask.data(), 6, 2}, "layer"), ContractError);
  Matrix empty(0, 8);
  EXPECT_TRUE(project(empty, {2, 4, 1}).mask.empty());
  Matrix narrow(4, 0);
  EXPECT_TRUE(project(narrow, {2, 4, 2}).mask.empty());
}

}  // namespace
}  // namespace nxm
