// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/curve.h"

#include <gtest/gtest.h>

namespace nxm {
namespace {

TEST(Curve, KeepsEveryFewthPointAndTheLast) {
  for (const size_t count : {0, 1, 2, 999, 1000, 1001, 5000, 123457}) {
    SCOPED_TRACE(count);
    Curve curve;
    for (size_t i = 0; i < count; ++i) curve.add({static_cast<double>(i), -static_cast<double>(i)});
    const std::vector<Point> points = curve.points();
    EXPECT_EQ(curve.empty(), count == 0);
    EXPECT_LE(points.size(), Curve::kMost + 1);
    EXPECT_GE(points.size(), std::min(count, Curve::kMost / 2));
    for (size_t i = 0; i < points.size(); ++i) {
      const bool last = i + 1 == points.size();
      EXPECT_EQ(points[i].x, static_cast<double>(last ? count - 1 : i * curve.stride()));
      EXPECT_EQ(points[i].y, -points[i].x);
    }
  }
}

}  // namespace
}  // namespace nxm
