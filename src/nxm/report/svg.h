// SPDX-License-Identifier: Apache-2.0
#pragma once
// A plot of lines and points as SVG, to stand within a page that has html.h's style: colours are classes c0 … c7, and
// each has its own marker, so that nobody needs the colour to tell lines apart.

#include <string>
#include <string_view>
#include <vector>

#include "nxm/report/curve.h"

namespace nxm {

inline constexpr int kPlotWidth = 400, kPlotHeight = 260;  ///< units of an svg()'s viewBox
inline constexpr int kStyles = 8;                          ///< colours with their markers
inline constexpr int kPlain = -1;                          ///< style of lines that are too many to be told apart

struct Series {
  std::string label;
  std::vector<Point> points;     ///< not finite, or not above 0 on a log axis: a gap
  std::vector<double> spread{};  ///< half the height of each point's error bar; empty for none
  int style = 0;                 ///< 0, 1, 2 … or kPlain. From kStyles on colours come again, with other markers
  bool dashed = false;
  bool line = true;  ///< joined, or points only
};

struct Plot {
  std::string title;
  std::string x_title, y_title;  ///< with the unit
  bool log_x = false, log_y = false;
  std::vector<Series> series;
  std::string solid{}, dashed{};  ///< what the two kinds of line mean, for the legend; empty if there is one kind
};

/// Whether there is anything to see of it.
bool has_points(const Plot& plot);
bool has_points(const Series& series, const Plot& plot);

/// One <svg> that is as wide as the place it stands in. At most `most` points of each series are drawn (those with the
/// same stride); a point's tooltip has its series and its numbers.
std::string svg(const Plot& plot, size_t most = Curve::kMost);

/// The line and marker of a style, for a legend.
std::string svg_swatch(int style, bool dashed);

}  // namespace nxm
