// SPDX-License-Identifier: Apache-2.0
// What a browser makes of it is in test_report_page.py.
#include "nxm/report/svg.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace nxm {
namespace {

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; ++at) ++found;
  return found;
}

Plot plot_of(std::vector<Point> points, bool log_y = false) {
  return {.title = "t", .x_title = "step", .y_title = "loss", .log_y = log_y, .series = {{"a", std::move(points)}}};
}

TEST(Svg, ALineHasItsPointsWithinTheFrame) {
  const std::string text = svg(plot_of({{0, 1}, {50, 3}, {100, 2}}));
  EXPECT_NE(text.find("<path class=\"line\" d=\"M58.0 220.0L223.0 10.0L388.0 115.0\">"), text.npos) << text;
  EXPECT_EQ(count(text, "class=\"dot\""), 3U);
  EXPECT_EQ(count(text, ">step</text>") + count(text, ">loss</text>"), 2U);
}

TEST(Svg, NotANumberIsAGap) {
  const double nan = std::nan("");
  const std::string text = svg(plot_of({{0, 1}, {1, 2}, {2, nan}, {3, 2}, {4, 1}}));
  const size_t at = text.find("<path class=\"line\"");
  const std::string line = text.substr(at, text.find('>', at) - at);
  EXPECT_EQ(count(line, "M"), 2U) << line;
  EXPECT_EQ(count(line, "L"), 2U) << line;
  EXPECT_EQ(text.find("nan"), text.npos);
}

TEST(Svg, ALogScaleLeavesOutWhatIsNotAboveZero) {
  const std::string text = svg(plot_of({{0, 1}, {1, 0.1}, {2, 0.01}, {3, 0}, {4, -1}}, true));
  EXPECT_EQ(count(text, "class=\"dot\""), 3U);
  EXPECT_NE(text.find(">0.01</text>"), text.npos);
  EXPECT_EQ(text.find("inf"), text.npos);
}

TEST(Svg, ManyStylesCanBeToldApart) {
  std::set<std::string> swatches;
  for (int style = 0; style < kStyles * kStyles; ++style) swatches.insert(svg_swatch(style, false));
  EXPECT_EQ(swatches.size(), static_cast<size_t>(kStyles * kStyles));
}

TEST(Svg, APlainLineOfOnePointIsSeen) {
  Plot plot = plot_of({{1, 1}});
  plot.series[0].style = kPlain;
  EXPECT_EQ(count(svg(plot), "class=\"dot\""), 1U);
  plot.series[0].points.push_back({2, 1});  // a plain line has no markers
  EXPECT_EQ(count(svg(plot), "class=\"dot\""), 0U);
}

TEST(Svg, AnErrorBarHasTwoEnds) {
  Plot plot = plot_of({{0, 1}, {1, 2}, {2, 3}});
  plot.series[0].spread = {0.5, 0, HUGE_VAL};
  const std::string text = svg(plot);
  EXPECT_EQ(count(text, "<path class=\"line\" d="), 2U) << text;  // the line and one bar
  EXPECT_EQ(count(text, " ± 0.5<"), 1U);
  EXPECT_EQ(count(text, "inf"), 0U) << text;
}

TEST(Svg, NothingToSee) {
  EXPECT_FALSE(has_points(plot_of({})));
  EXPECT_FALSE(has_points(plot_of({{0, std::nan("")}})));
  EXPECT_FALSE(has_points(plot_of({{0, 0}}, true)));
  EXPECT_FALSE(has_points({}));
  EXPECT_TRUE(has_points(plot_of({{0, 0}})));
  EXPECT_NE(svg({}).find("</svg>"), std::string::npos);
}

TEST(Svg, DrawsNoMoreThanAsked) {
  std::vector<Point> points;
  for (int i = 0; i < 5000; ++i) points.push_back({static_cast<double>(i), std::sin(i)});
  EXPECT_LE(count(svg(plot_of(points), 100), "L"), 101U);
  EXPECT_LE(count(svg(plot_of(points), 100), "class=\"dot\""), 9U);
}

TEST(Svg, NamesAreEscaped) {
  Plot plot = plot_of({{0, 1}, {1, 2}});
  plot.title = plot.x_title = plot.y_title = plot.series[0].label = "</svg><script>\"'&";
  EXPECT_EQ(svg(plot).find("<script"), std::string::npos);
  EXPECT_EQ(count(svg(plot), "</svg>"), 1U);
}

}  // namespace
}  // namespace nxm
