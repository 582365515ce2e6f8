// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/ticks.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "nxm/core/rng.h"

namespace nxm {
namespace {

std::vector<std::string> labels_of(const PlotAxis& axis) {
  std::vector<std::string> labels;
  for (const Tick& tick : axis.ticks) labels.push_back(tick.label);
  return labels;
}

using Labels = std::vector<std::string>;

TEST(Ticks, AreRoundNumbers) {
  EXPECT_EQ(labels_of(make_axis({0, 100}, false)), (Labels{"0", "20", "40", "60", "80", "100"}));
  EXPECT_EQ(labels_of(make_axis({-0.3, 0.31}, false)), (Labels{"-0.2", "0.0", "0.2", "0.4"}));
  EXPECT_EQ(labels_of(make_axis({1e-4, 1}, true)), (Labels{"1e-4", "0.001", "0.01", "0.1", "1"}));
  EXPECT_EQ(labels_of(make_axis({0.02, 0.3}, true)), (Labels{"0.02", "0.05", "0.1", "0.2"}));
}

TEST(Ticks, NoOrOneValueHasAnAxisToo) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (const bool log : {false, true}) {
    for (const std::vector<double>& values :
         {std::vector<double>{}, {nan, infinity, -infinity}, {0.0}, {5.0}, {-5.0}}) {
      const PlotAxis axis = make_axis(values, log);
      EXPECT_LT(axis.low, axis.high);
      EXPECT_GE(axis.ticks.size(), 1U);
    }
  }
  EXPECT_FALSE(can_show(0, true));
  EXPECT_TRUE(can_show(0, false));
  EXPECT_FALSE(can_show(std::numeric_limits<double>::max(), false));
}

// Whatever the values are: they lie on the axis, its ticks too, and no two ticks say the same.
TEST(Ticks, HoldForAnyValues) {
  Rng rng(1, "ticks");
  for (int trial = 0; trial < 20000; ++trial) {
    const bool log = rng.below(2) == 0;
    const double scale = std::pow(10.0, static_cast<double>(rng.below(580)) - 290);
    const double middle = rng.below(2) == 0 ? 0 : scale * std::pow(10.0, static_cast<double>(rng.below(9)));
    std::vector<double> values;
    for (uint64_t i = 0; i < 1 + rng.below(4); ++i) values.push_back(middle + scale * rng.normal());
    const PlotAxis axis = make_axis(values, log);
    SCOPED_TRACE(fmt::format("{} [{}, {}] of {}", log, axis.low, axis.high, fmt::join(values, " ")));
    ASSERT_LT(axis.low, axis.high);
    for (const double value : values) {
      if (!can_show(value, log)) continue;
      ASSERT_GE(axis.at(value), -1e-9);
      ASSERT_LE(axis.at(value), 1 + 1e-9);
    }
    std::set<std::string> labels;
    for (const Tick& tick : axis.ticks) {
      ASSERT_TRUE(labels.insert(tick.label).second) << tick.label;
      ASSERT_NEAR(axis.at(tick.value), 0.5, 0.5 + 1e-6);
    }
    ASSERT_GE(axis.ticks.size(), 1U);
    ASSERT_LE(axis.ticks.size(), 20U);
  }
}

}  // namespace
}  // namespace nxm
