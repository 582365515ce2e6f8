// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where an axis has its ticks and what they say.

#include <string>
#include <vector>

namespace nxm {

struct Tick {
  double value = 0;
  std::string label;  ///< distinct from the other ticks'
};

struct PlotAxis {
  double low = 0, high = 1;  ///< low < high; above 0 if `log`
  bool log = false;
  std::vector<Tick> ticks;  ///< within low … high, ascending

  /// Place of a value, 0 at low and 1 at high.
  [[nodiscard]] double at(double value) const;
};

/// An axis that holds the finite values among `values`, on a log scale those above 0: at round numbers (1, 2 or 5 times
/// a power of ten), about `ticks` of them. No usable value gives 0 … 1, or 0.1 … 1; equal values get room around them.
PlotAxis make_axis(const std::vector<double>& values, bool log, int ticks = 5);

/// Whether an axis can show it: finite, not so large that differences overflow, and above 0 on a log scale.
bool can_show(double value, bool log);

}  // namespace nxm
