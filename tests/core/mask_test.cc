// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/mask.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

TEST(Mask, CheckPatternCountsWhatALoopOverGroupsCounts) {
  Rng rng(1, "check pattern");
  for (int round = 0; round < 200; ++round) {
    const int of = 2 + static_cast<int>(rng.below(10));
    const Pattern p{1 + static_cast<int>(rng.below(static_cast<uint64_t>(of) - 1)), of,
                    1 + static_cast<int>(rng.below(4))};
    const auto row_blocks = static_cast<int64_t>(rng.below(4));
    const auto col_groups = static_cast<int64_t>(rng.below(5));
    const int64_t rows = row_blocks * p.share;
    const int64_t cols = col_groups * p.of;
    std::vector<float> w(static_cast<size_t>(rows * cols));
    for (float& x : w)
      x = rng.below(4) == 0 ? std::nanf("") : rng.below(3) == 0 ? 1e-45F : rng.below(2) == 0 ? -0.0F : 0.0F;
    int64_t non_zero = 0;
    int64_t bad = 0;
    for (const float x : w) non_zero += !(x == 0);
    for (int64_t b = 0; b < row_blocks; ++b) {
      for (int64_t g = 0; g < col_groups; ++g) {
        int used = 0;
        for (int64_t c = g * p.of; c < (g + 1) * p.of; ++c) {
          bool any = false;
          for (int64_t r = b * p.share; r < (b + 1) * p.share; ++r) any |= !(w[static_cast<size_t>(r * cols + c)] == 0);
          used += any;
        }
        bad += used > p.keep;
      }
    }
    const PatternReport report = check_pattern({w.data(), rows, cols}, p);
    EXPECT_EQ(report.non_zero, non_zero);
    EXPECT_EQ(report.bad_groups, bad) << p.str();
    EXPECT_EQ(report.groups, row_blocks * col_groups);
    EXPECT_EQ(report.valid(), bad == 0);
    EXPECT_EQ(keeps_pattern({w.data(), rows, cols}, p), bad == 0);
  }
  std::vector<float> w(6);
  EXPECT_THROW(check_pattern({w.data(), 1, 6}, {2, 4, 1}), Error);
  EXPECT_FALSE(keeps_pattern({w.data(), 1, 6}, {2, 4, 1}));
  EXPECT_FALSE(keeps_pattern({w.data(), 3, 2}, {1, 2, 2}));
}

TEST(Mask, DistanceAndCountFollowTheFlipsMade) {
  Rng rng(2, "hamming");
  std::vector<uint8_t> a(35);
  for (uint8_t& bit : a) bit = static_cast<uint8_t>(rng.below(2));
  std::vector<uint8_t> b = a;
  const ConstMaskView view_a{a.data(), 5, 7};
  const ConstMaskView view_b{b.data(), 5, 7};
  int64_t kept = count_kept(view_a);
  for (size_t flips = 0; flips < b.size(); ++flips) {
    EXPECT_EQ(hamming_distance(view_a, view_b), static_cast<int64_t>(flips));
    EXPECT_EQ(count_kept(view_b), kept);
    kept += b[flips] != 0 ? -1 : 1;
    b[flips] ^= 1;
  }
  EXPECT_THROW(hamming_distance(view_a, {b.data(), 7, 5}), ContractError);
}

TEST(Mask, DistanceOfLargeMasksIsCountedInFull) {
  Rng rng(3, "hamming");
  for (const int64_t size : {1, 127, 128, 129, 255, 256, 257, 4097}) {
    std::vector<uint8_t> a(static_cast<size_t>(size)), opposite(a.size()), other(a.size());
    int64_t different = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<uint8_t>(rng.below(2));
      opposite[i] = static_cast<uint8_t>(1 - a[i]);
      other[i] = static_cast<uint8_t>(rng.below(2));
      different += other[i] != a[i] ? 1 : 0;
    }
    const auto distance_to = [&](const std::vector<uint8_t>& b) {
      return hamming_distance({a.data(), 1, size}, {b.data(), 1, size});
    };
    EXPECT_EQ(distance_to(a), 0);
    EXPECT_EQ(distance_to(opposite), size);
    EXPECT_EQ(distance_to(other), different);
  }
}

TEST(Mask, PrunedWeightsBecomePlusZeroWhateverTheyWere) {
  std::vector<float> w = {std::nanf(""), -1.0F, -0.0F, INFINITY, -0.0F, 2.5F};
  const std::vector<uint8_t> mask = {0, 0, 0, 0, 1, 1};
  apply_mask({w.data(), 2, 3}, {mask.data(), 2, 3});
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(std::bit_cast<uint32_t>(w[i]), 0U);
  EXPECT_EQ(std::bit_cast<uint32_t>(w[4]), 0x80000000U);
  EXPECT_EQ(w[5], 2.5F);
  EXPECT_THROW(apply_mask({w.data(), 2, 3}, {mask.data(), 3, 2}), ContractError);
}

}  // namespace
}  // namespace nxm
