// SPDX-License-Identifier: Apache-2.0
#include "nxm/metrics/paired.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nxm/core/error.h"

namespace nxm {
namespace {

using Group = std::vector<double>;

TEST(Paired, HandComputed) {
  EXPECT_DOUBLE_EQ(mean(Group{1, 2, 6}), 3);
  EXPECT_DOUBLE_EQ(*deviation(Group{1, 2, 6}), std::sqrt((4 + 1 + 9) / 2.0));
  // Of two values a quarter of the draws take each extreme, more than 2.5 %.
  const auto interval = bootstrap_interval(std::vector<Group>{{-1, 2}});
  ASSERT_TRUE(interval);
  EXPECT_EQ(interval->low, -1);
  EXPECT_EQ(interval->high, 2);
}

TEST(Paired, OneValueShowsNoSpread) {
  EXPECT_EQ(deviation(Group{4}), std::nullopt);
  EXPECT_FALSE(bootstrap_interval({}));
  EXPECT_FALSE(bootstrap_interval(std::vector<Group>{{1}}));
  EXPECT_FALSE(bootstrap_interval(std::vector<Group>{{1, 2}, {3}}));
  EXPECT_FALSE(bootstrap_interval(std::vector<Group>{{}}));
}

TEST(Paired, SameSeedSameInterval) {
  const std::vector<Group> groups{{0.1, 0.5, -0.2, 0.3}, {1, 2, 1.5}};
  const auto a = bootstrap_interval(groups), b = bootstrap_interval(groups);
  EXPECT_EQ(a->low, b->low);
  EXPECT_EQ(a->high, b->high);
  EXPECT_LT(a->low, (0.175 + 1.5) / 2);
  EXPECT_GT(a->high, (0.175 + 1.5) / 2);
}

TEST(Paired, AnotherSeedDrawsOtherwise) {
  Group values;
  for (int i = 0; i < 15; ++i) values.push_back(std::sqrt(i));
  const auto a = bootstrap_interval(std::vector<Group>{values}), b = bootstrap_interval(std::vector<Group>{values}, 2);
  EXPECT_NE(a->low, b->low);
  EXPECT_NEAR(a->low, b->low, 0.05);
}

TEST(Paired, Contract) {
  EXPECT_THROW(mean({}), ContractError);
  EXPECT_THROW(bootstrap_interval(std::vector<Group>{{1, 2}}, 1, 0), ContractError);
}

}  // namespace
}  // namespace nxm
