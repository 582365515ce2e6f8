// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/channel_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "core/matrix.h"
#include "nxm/core/error.h"
#include "nxm/core/projection.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

Matrix random_scores(int64_t rows, int64_t cols, Rng& rng) {
  Matrix m(rows, cols);
  for (float& x : m.data) x = static_cast<float>(std::abs(rng.normal()));
  return m;
}

Matrix reorder(const Matrix& m, ChannelSide side, const std::vector<int64_t>& order) {
  Matrix out = m;
  for (int64_t r = 0; r < m.rows; ++r) {
    for (int64_t c = 0; c < m.cols; ++c) {
      const bool input = side == ChannelSide::kInput;
      out.data[static_cast<size_t>(r * m.cols + c)] =
          m.at(input ? r : order[static_cast<size_t>(r)], input ? order[static_cast<size_t>(c)] : c);
    }
  }
  return out;
}

/// The sum of what the projection keeps: its masks, chosen for weights whose squares are the scores.
double kept_by_projection(const Matrix& scores, const Pattern& pattern) {
  Matrix roots = scores, out = scores;
  for (float& x : roots.data) x = std::sqrt(x);
  project(roots.view(), pattern, out.view(), {}, "layer");
  double kept = 0;
  for (size_t i = 0; i < out.data.size(); ++i) kept += out.data[i] == 0 ? 0 : double{scores.data[i]};
  return kept;
}

struct Layer {
  Matrix scores;
  ChannelSide side;
};

double kept_share(const std::vector<Layer>& layers, const Pattern& pattern, const std::vector<int64_t>& order) {
  double kept = 0, all = 0;
  for (const Layer& layer : layers) {
    kept += kept_by_projection(reorder(layer.scores, layer.side, order), pattern);
    all = std::accumulate(layer.scores.data.begin(), layer.scores.data.end(), all);
  }
  return kept / all;
}

ChannelOrder find(const std::vector<Layer>& layers, const Pattern& pattern, uint64_t seed = 1) {
  std::vector<ChannelScores> scores;
  for (const Layer& layer : layers) scores.push_back({layer.scores.view(), layer.side});
  return find_channel_order(scores, pattern, seed);
}

std::vector<int64_t> identity(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(ChannelOrder, IsAPermutationWorthWhatTheProjectionKeeps) {
  Rng rng(1, "channel order");
  constexpr Pattern kPatterns[] = {{2, 4, 1}, {1, 4, 1}, {4, 8, 1}, {2, 4, 2}, {2, 6, 3}, {1, 2, 4}, {5, 7, 2}};
  for (int round = 0; round < 60; ++round) {
    const Pattern& pattern = kPatterns[rng.below(std::size(kPatterns))];
    const int64_t unit = std::lcm<int64_t>(pattern.of, pattern.share);
    const auto times = [&](int64_t n) { return n * (1 + static_cast<int64_t>(rng.below(4))); };
    const int64_t channels = times(unit);
    std::vector<Layer> layers;
    for (uint64_t i = 0; i < 1 + rng.below(3); ++i) {
      if (rng.below(2) == 0) {
        layers.push_back({random_scores(times(unit), channels, rng), ChannelSide::kInput});
      } else {
        layers.push_back({random_scores(channels, times(unit), rng), ChannelSide::kOutput});
      }
    }
    const ChannelOrder found = find(layers, pattern, rng.next());
    const std::vector<int64_t> all = identity(channels);
    ASSERT_TRUE(std::is_permutation(found.order.begin(), found.order.end(), all.begin(), all.end()));
    ASSERT_NEAR(found.before, kept_share(layers, pattern, all), 1e-5) << pattern.str();
    ASSERT_NEAR(found.after, kept_share(layers, pattern, found.order), 1e-5) << pattern.str();
    ASSERT_GE(found.after, found.before);
  }
}

// Eight channels in groups of four, inputs and sharing outputs alike: all orders are tried.
TEST(ChannelOrder, IsTheBestOfAllOrdersOfFewChannels) {
  Rng rng(2, "channel order");
  int missed = 0;
  for (int round = 0; round < 12; ++round) {
    const Pattern pattern{1 + static_cast<int>(rng.below(3)), 4, round % 3 == 0 ? 2 : 1};
    std::vector<Layer> layers{{random_scores(6, 8, rng), ChannelSide::kInput}};
    if (pattern.share == 2) layers.push_back({random_scores(8, 4, rng), ChannelSide::kOutput});
    double best = 0;
    std::vector<int64_t> order = identity(8);
    do {
      // The same groups again: only orders within them differ.
      if (pattern.share == 1 &&
          !(std::is_sorted(order.begin(), order.begin() + 4) && std::is_sorted(order.begin() + 4, order.end())))
        continue;
      if (order[0] > order[1] || order[2] > order[3] || order[4] > order[5] || order[6] > order[7]) continue;
      best = std::max(best, kept_share(layers, pattern, order));
    } while (std::next_permutation(order.begin(), order.end()));
    missed += find(layers, pattern).after < best - 1e-6;
  }
  EXPECT_EQ(missed, 0);
}

// The matrix of NVIDIA's permutation_test.py (apex, contrib/sparsity): numpy.random.seed(1), rand(128, 64). Its README
// gives what 2:4 keeps of the sum in the given order, and after its searches: 2919.8 (stripes of 8 columns), 2920.7
// (swaps, 1000 escapes), 2921.9 (stripes of 12 columns).
TEST(ChannelOrder, KeepsMoreThanThePublishedSearches) {
  constexpr int64_t kFilters = 128, kChannels = 64;
  std::mt19937 generator(1);
  Matrix scores(kFilters, kChannels);
  for (float& score : scores.data) {
    const auto high = static_cast<double>(generator() >> 5U), low = static_cast<double>(generator() >> 6U);
    score = static_cast<float>((high * 67108864 + low) / 9007199254740992);
  }
  const double all = std::accumulate(scores.data.begin(), scores.data.end(), 0.0);
  ASSERT_NEAR(all, 4083.169, 0.001);
  for (const uint64_t seed : {1, 2, 3}) {
    const ChannelOrder found = find({{scores, ChannelSide::kInput}}, {}, seed);
    EXPECT_NEAR(found.before * all, 2852.376, 0.002);
    EXPECT_GT(found.after * all, 2921.947);
  }
}

TEST(ChannelOrder, OutputsThatShareNothingStay) {
  Rng rng(3, "channel order");
  const std::vector<Layer> layers{{random_scores(8, 12, rng), ChannelSide::kOutput}};
  const ChannelOrder found = find(layers, {});
  EXPECT_EQ(found.order, identity(8));
  EXPECT_EQ(found.before, found.after);
}

TEST(ChannelOrder, ZerosKeepAll) {
  const std::vector<Layer> layers{{Matrix(4, 8), ChannelSide::kInput}};
  EXPECT_EQ(find(layers, {}).after, find(layers, {}).before);
}

TEST(ChannelOrder, RefusesLayersThatDoNotBelongTogether) {
  Rng rng(4, "channel order");
  EXPECT_THROW(
      find({{random_scores(4, 8, rng), ChannelSide::kInput}, {random_scores(4, 8, rng), ChannelSide::kOutput}}, {}),
      ContractError);
  EXPECT_THROW(find({{random_scores(4, 6, rng), ChannelSide::kInput}}, {}), Error);
}

}  // namespace
}  // namespace nxm
