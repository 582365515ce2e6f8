// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "nxm/core/error.h"

namespace nxm {
namespace {

// Golden numbers from a separate Python program: with Python's integers modulo 2^64, mix() and the counter of Vigna's
// splitmix64.c (checked there against the well-known first five numbers of seed 1234567), FNV-1a for the stream's name,
// key = mix(mix(mix(seed + g) ^ fnv1a(stream)) + g * (index + 1)).
TEST(Rng, IsTheSameOnEveryMachine) {
  const struct {
    uint64_t seed;
    const char* stream;
    uint64_t index;
    std::vector<uint64_t> expected;
  } cases[] = {
      {0, "", 0, {0xb99a2197de53211f, 0x325e1d69b69fa97a, 0x23016b5dd5403d0f}},
      {1, "sampler", 0, {0xe1fac284dd46e0dd, 0xac5923a5394b8186, 0xd6d1cddd2f496820}},
      {1, "sampler", 1, {0xf6b4be97ec6f5255, 0x1fcd0da652069011, 0x62c389e223116feb}},
      {42, "head init", 7, {0xb2c11652b208a62c, 0x3725d528069bea8c, 0x97c123590d169310}},
      {UINT64_MAX, "\xCF\x80", UINT64_MAX, {0x989a0067e853698b, 0x93c8c6c82c0554c5, 0xe67515f49be81444}},
  };
  for (const auto& c : cases) {
    Rng rng(c.seed, c.stream, c.index);
    for (const uint64_t expected : c.expected) EXPECT_EQ(rng.next(), expected) << c.seed << ' ' << c.stream;
  }
}

TEST(Rng, TheCounterIsTheWholeState) {
  Rng rng(7, "state");
  std::vector<uint64_t> drawn(100);
  for (uint64_t& draw : drawn) draw = rng.next();
  EXPECT_EQ(rng.counter(), 100U);
  for (uint64_t from : {0U, 1U, 57U, 99U}) {
    Rng again(7, "state");
    again.set_counter(from);
    for (size_t i = from; i < drawn.size(); ++i) EXPECT_EQ(again.next(), drawn[i]);
  }
}

TEST(Rng, SeedsStreamsAndIndicesDiffer) {
  std::set<uint64_t> drawn;
  size_t draws = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (const char* stream : {"a", "b", "ab", "ba", "sampler"}) {
      for (uint64_t index = 0; index < 20; ++index) {
        Rng rng(seed, stream, index);
        for (int i = 0; i < 20; ++i, ++draws) drawn.insert(rng.next());
      }
    }
  }
  EXPECT_EQ(drawn.size(), draws);  // 40,000 of 2^64: a chance of 4e-11 to meet by accident
}

/// Pearson's chi-square over equally likely bins.
double chi_square(const std::vector<int>& counts) {
  const double expected = std::accumulate(counts.begin(), counts.end(), 0.0) / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

TEST(Rng, BelowHasNoBias) {
  for (const uint64_t bound : {1U, 2U, 3U, 10U, 97U}) {
    Rng rng(3, "below", bound);
    std::vector<int> counts(bound);
    for (uint64_t i = 0; i < 1000 * bound; ++i) ++counts.at(rng.below(bound));
    // Mean bound - 1, deviation sqrt(2 (bound - 1)): six deviations.
    const double freedom = static_cast<double>(bound) - 1;
    EXPECT_LE(chi_square(counts), freedom + 6 * std::sqrt(2 * freedom)) << bound;
  }
  // A bound of 3 * 2^62: without rejection the lowest third would come up twice as often as each of the others.
  Rng rng(4, "below, large");
  std::vector<int> thirds(3);
  for (int i = 0; i < 30000; ++i) ++thirds.at(rng.below(uint64_t{3} << 62) >> 62);
  EXPECT_LE(chi_square(thirds), 2 + 6 * 2.0);
  EXPECT_THROW(rng.below(0), ContractError);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  constexpr int kDraws = 200000;
  Rng rng(5, "moments");
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.uniform();
    ASSERT_TRUE(x >= 0 && x < 1);
    sum += x;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 6 * std::sqrt(1.0 / 12 / kDraws));
  double moment[5] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    for (int k = 1; k <= 4; ++k) moment[k] += std::pow(x, k) / kDraws;
  }
  // Deviations of the mean of x^k: sqrt((E x^2k - (E x^k)^2) / n) with E x^2, x^4, x^6, x^8 = 1, 3, 15, 105.
  EXPECT_NEAR(moment[1], 0, 6 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(moment[2], 1, 6 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(moment[3], 0, 6 * std::sqrt(15.0 / kDraws));
  EXPECT_NEAR(moment[4], 3, 6 * std::sqrt(96.0 / kDraws));
}

TEST(Rng, ShuffleMakesEveryOrderEquallyOften) {
  Rng rng(6, "shuffle");
  std::vector<int> counts(24);
  for (int i = 0; i < 24000; ++i) {
    std::vector<int> items = {0, 1, 2, 3};
    shuffle(std::span(items), rng);
    int order = 0;  // number of the permutation
    for (size_t k = 0; k < 4; ++k) {
      int smaller = 0;
      for (size_t later = k + 1; later < 4; ++later) smaller += items[later] < items[k];
      order = order * static_cast<int>(4 - k) + smaller;
    }
    ++counts.at(static_cast<size_t>(order));
  }
  EXPECT_LE(chi_square(counts), 23 + 6 * std::sqrt(46.0));
}

}  // namespace
}  // namespace nxm
