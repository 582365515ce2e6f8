// SPDX-License-Identifier: Apache-2.0
#include "nxm/metrics/paired.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

// Linear interpolation between the two nearest of the sorted values, as numpy.percentile.
double percentile(std::span<const double> sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

}  // namespace

double mean(std::span<const double> values) {
  require(!values.empty(), "mean: no values");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::optional<double> deviation(std::span<const double> values) {
  if (values.size() < 2) return std::nullopt;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

std::optional<Interval> bootstrap_interval(std::span<const std::vector<double>> groups, uint64_t seed, int resamples) {
  const auto too_few = [](const std::vector<double>& group) { return group.size() < 2; };
  if (groups.empty() || std::ranges::any_of(groups, too_few)) return std::nullopt;
  require(resamples > 0, "bootstrap_interval: no resamples");
  Rng rng(seed, "bootstrap");
  std::vector<double> draws(static_cast<size_t>(resamples));
  for (double& draw : draws) {
    for (const std::vector<double>& group : groups) {
      double sum = 0;
      for (size_t i = 0; i < group.size(); ++i) sum += group[rng.below(group.size())];
      draw += sum / static_cast<double>(group.size());
    }
    draw /= static_cast<double>(groups.size());
  }
  std::ranges::sort(draws);
  return Interval{percentile(draws, 0.025), percentile(draws, 0.975)};
}

}  // namespace nxm
