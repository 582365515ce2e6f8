// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "nxm/report/escape.h"
#include "nxm/report/ticks.h"

namespace nxm {
namespace {

// In units of the viewBox. So small that letters of 11 units are legible where the plot fills a phone's width.
constexpr double kWidth = kPlotWidth, kHeight = kPlotHeight;
constexpr double kLeft = 58, kRight = 12, kTop = 10, kBottom = 40;
constexpr double kInnerWidth = kWidth - kLeft - kRight, kInnerHeight = kHeight - kTop - kBottom;
constexpr size_t kMarkers = 6;     // on a line of many points: enough to follow it
constexpr size_t kFewPoints = 24;  // up to here each point has a marker, and a tooltip

// Around (0, 0), three units in radius; the colours' first ones.
constexpr std::string_view kShapes[kStyles] = {
    "M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0z",                   // circle
    "M-2.6-2.6h5.2v5.2h-5.2z",                              // square
    "M0-3.4L3.2 2.4h-6.4z",                                 // triangle
    "M0-3.8L3.2 0L0 3.8L-3.2 0z",                           // diamond
    "M0 3.4L3.2-2.4h-6.4z",                                 // triangle, point down
    "M-3.2-1h2.2v-2.2h2v2.2h2.2v2h-2.2v2.2h-2v-2.2h-2.2z",  // plus
    "M-1-3h4v4h-2v2h-4v-4h2z",                              // step
    "M-3.4-1.4h6.8v2.8h-6.8z",                              // bar
};

struct Frame {
  PlotAxis x, y;
  [[nodiscard]] double px(double value) const { return kLeft + kInnerWidth * x.at(value); }
  [[nodiscard]] double py(double value) const { return kTop + kInnerHeight * (1 - y.at(value)); }
  [[nodiscard]] bool shows(const Point& point) const { return can_show(point.x, x.log) && can_show(point.y, y.log); }
};

std::string style_class(int style) { return style == kPlain ? "cp" : fmt::format("c{}", style % kStyles); }

std::string_view shape_of(int style) { return kShapes[style == kPlain ? 0 : (style + style / kStyles) % kStyles]; }

Frame frame_of(const Plot& plot) {
  std::vector<double> xs, ys;
  for (const Series& series : plot.series) {
    for (size_t i = 0; i < series.points.size(); ++i) {
      const Point& point = series.points[i];
      if (!can_show(point.x, plot.log_x) || !can_show(point.y, plot.log_y)) continue;
      xs.push_back(point.x);
      ys.push_back(point.y);
      if (series.spread.empty()) continue;
      ys.push_back(point.y - series.spread[i]);
      ys.push_back(point.y + series.spread[i]);
    }
  }
  return {make_axis(xs, plot.log_x), make_axis(ys, plot.log_y)};
}

void add_axes(std::string& out, const Plot& plot, const Frame& frame) {
  auto to = std::back_inserter(out);
  for (const Tick& tick : frame.y.ticks) {
    const double y = frame.py(tick.value);
    fmt::format_to(to, "<path class=\"grid\" d=\"M{} {:.1f}H{}\"/><text x=\"{}\" y=\"{:.1f}\" class=\"end\">{}</text>",
                   kLeft, y, kWidth - kRight, kLeft - 5, y + 3.5, tick.label);
  }
  for (const Tick& tick : frame.x.ticks) {
    const double x = frame.px(tick.value);
    fmt::format_to(to, "<path class=\"grid\" d=\"M{:.1f} {}V{}\"/><text x=\"{:.1f}\" y=\"{}\" class=\"mid\">{}</text>",
                   x, kTop, kTop + kInnerHeight, x, kTop + kInnerHeight + 14, tick.label);
  }
  fmt::format_to(to, "<path class=\"axis\" d=\"M{} {}V{}H{}\"/>", kLeft, kTop, kTop + kInnerHeight, kWidth - kRight);
  fmt::format_to(to, "<text class=\"mid name\" x=\"{}\" y=\"{}\">{}</text>", kLeft + kInnerWidth / 2, kHeight - 7,
                 escaped(plot.x_title));
  fmt::format_to(to, "<text class=\"mid name\" transform=\"translate(11 {})rotate(-90)\">{}</text>",
                 kTop + kInnerHeight / 2, escaped(plot.y_title));
}

std::vector<size_t> drawn(const Series& series, size_t most) {
  const size_t size = series.points.size(), stride = std::max<size_t>(1, (size + most - 1) / std::max<size_t>(1, most));
  std::vector<size_t> places;
  for (size_t i = 0; i < size; i += stride) places.push_back(i);
  if (!places.empty() && places.back() != size - 1) places.push_back(size - 1);
  return places;
}

void add_line(std::string& out, const Series& series, const Frame& frame, const std::vector<size_t>& places) {
  std::string path;
  bool pen_down = false;
  for (const size_t i : places) {
    const Point& point = series.points[i];
    const bool shown = frame.shows(point);
    if (shown) {
      fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", pen_down ? "L" : "M", frame.px(point.x),
                     frame.py(point.y));
    }
    pen_down = shown;
  }
  if (path.empty()) return;
  fmt::format_to(std::back_inserter(out), "<path class=\"line{}\" d=\"{}\"><title>{}</title></path>",
                 series.dashed ? " dash" : "", path, escaped(series.label));
}

void add_markers(std::string& out, const Series& series, const Frame& frame, const std::vector<size_t>& places) {
  auto to = std::back_inserter(out);
  const size_t every = !series.line || places.size() <= kFewPoints ? 1 : places.size() / kMarkers;
  for (size_t n = places.size(); n > 0; n -= std::min(n, every)) {
    const size_t i = places[n - 1];
    const Point& point = series.points[i];
    if (!frame.shows(point)) continue;
    const double x = frame.px(point.x);
    const double half = series.spread.empty() ? 0 : series.spread[i];
    std::string spread;
    if (half > 0 && can_show(half, false)) {
      fmt::format_to(to, "<path class=\"line\" d=\"M{:.1f} {:.1f}V{:.1f}\"/>", x, frame.py(point.y - half),
                     frame.py(point.y + half));
      spread = fmt::format(" ± {:.4g}", half);
    }
    fmt::format_to(
        to,
        "<path class=\"dot\" transform=\"translate({:.1f} {:.1f})\" d=\"{}\"><title>{}: {:g}, {:.4g}{}</title></path>",
        x, frame.py(point.y), shape_of(series.style), escaped(series.label), point.x, point.y, spread);
  }
}

}  // namespace

bool has_points(const Series& series, const Plot& plot) {
  return std::ranges::any_of(series.points, [&](const Point& point) {
    return can_show(point.x, plot.log_x) && can_show(point.y, plot.log_y);
  });
}

bool has_points(const Plot& plot) {
  return std::ranges::any_of(plot.series, [&](const Series& series) { return has_points(series, plot); });
}

std::string svg(const Plot& plot, size_t most) {
  const Frame frame = frame_of(plot);
  std::string out =
      fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">", kWidth, kHeight, escaped(plot.title));
  add_axes(out, plot, frame);
  for (const Series& series : plot.series) {
    const std::vector<size_t> places = drawn(series, most);
    out += fmt::format("<g class=\"{}\">", style_class(series.style));
    if (series.line) add_line(out, series, frame, places);
    // A line of one point is seen by its marker alone.
    if (series.style != kPlain || !series.line || places.size() == 1) add_markers(out, series, frame, places);
    out += "</g>";
  }
  return out + "</svg>";
}

std::string svg_swatch(int style, bool dashed) {
  return fmt::format(
      "<svg viewBox=\"0 0 26 10\" class=\"swatch {}\" aria-hidden=\"true\"><path class=\"line{}\" d=\"M0 5H26\"/>"
      "<path class=\"dot\" transform=\"translate(13 5)\" d=\"{}\"/></svg>",
      style_class(style), dashed ? " dash" : "", shape_of(style));
}

}  // namespace nxm
