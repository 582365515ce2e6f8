// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/ticks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nxm {
namespace {

constexpr double kLargest = 1e300;   // of what is shown: sums and differences of two stay finite
constexpr double kNarrowest = 1e-6;  // of a range, as a share of its ends: below it ticks would have equal labels
constexpr double kLeastRatio = 2.6;  // of a log axis: 1, 2 or 5 times some power of ten lies within it
constexpr double kLogRoom = 1.1;     // beyond the values on a log axis, so that they do not lie on its frame
constexpr int kMostTicks = 50;       // whatever the arithmetic says

// 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

void add_linear_ticks(PlotAxis& axis, int ticks) {
  const double step = round_step((axis.high - axis.low) / ticks);
  const double first = std::ceil(axis.low / step - 1e-9);
  const int decimals = static_cast<int>(std::max(0.0, -std::floor(std::log10(step) + 1e-9)));
  const bool plain = std::max(std::abs(axis.low), std::abs(axis.high)) < 1e7 && decimals < 7;
  for (int i = 0; i < kMostTicks; ++i) {
    const double value = (first + i) * step;
    if (value > axis.high + 1e-9 * step) break;
    const double shown = value == 0 ? 0.0 : value;  // never "-0"
    axis.ticks.push_back({shown, plain ? fmt::format("{:.{}f}", shown, decimals) : fmt::format("{:.9g}", shown)});
  }
}

std::string log_label(double factor, int exponent) {
  if (exponent < -3 || exponent > 4) return fmt::format("{:g}e{}", factor, exponent);
  return fmt::format("{:g}", factor * std::pow(10.0, exponent));
}

void add_log_ticks(PlotAxis& axis, int ticks) {
  const int first = static_cast<int>(std::floor(std::log10(axis.low) + 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(axis.high) + 1e-9));
  const int every = std::max(1, (last - first + ticks) / ticks);
  for (int exponent = first; exponent <= last; exponent += every) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10.0, exponent);
      if (value < axis.low * (1 - 1e-9) || value > axis.high * (1 + 1e-9)) continue;
      if (factor == 1 || last - first < 2) axis.ticks.push_back({value, log_label(factor, exponent)});
    }
  }
}

}  // namespace

bool can_show(double value, bool log) {
  return std::isfinite(value) && std::abs(value) < kLargest && (!log || value > 1 / kLargest);
}

double PlotAxis::at(double value) const {
  return log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
}

PlotAxis make_axis(const std::vector<double>& values, bool log, int ticks) {
  PlotAxis axis{log ? 0.1 : 0.0, 1.0, log, {}};
  bool any = false;
  for (const double value : values) {
    if (!can_show(value, log)) continue;
    axis.low = any ? std::min(axis.low, value) : value;
    axis.high = any ? std::max(axis.high, value) : value;
    any = true;
  }
  const double size = std::max(std::abs(axis.low), std::abs(axis.high));
  if (log && axis.high / axis.low < kLeastRatio) {
    axis.low /= 2;
    axis.high *= 2;
  } else if (!log && axis.high - axis.low <= kNarrowest * size) {
    const double room = size > 0 ? 0.1 * size : 0.5;
    axis.low -= room;
    axis.high += room;
  } else if (!log) {
    const double step = round_step((axis.high - axis.low) / ticks) / 2;
    axis.low = std::floor(axis.low / step + 1e-9) * step;
    axis.high = std::ceil(axis.high / step - 1e-9) * step;
  }
  log ? add_log_ticks(axis, ticks) : add_linear_ticks(axis, ticks);
  if (log) {
    axis.low /= kLogRoom;
    axis.high *= kLogRoom;
  }
  return axis;
}

}  // namespace nxm
