// SPDX-License-Identifier: Apache-2.0
#pragma once
// Statistics of a few runs with different seeds: mean, spread, and how sure a paired difference is. What cannot be said
// of one run is nullopt, never a guess.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nxm {

/// Sum over n. Throws ContractError for none.
double mean(std::span<const double> values);

/// Standard deviation of a sample: sqrt(sum (v - mean)^2 / (n - 1)). nullopt for fewer than two values.
std::optional<double> deviation(std::span<const double> values);

struct Interval {
  double low = 0, high = 0;
};

inline constexpr int kResamples = 10000;

/// The 95 % percentile bootstrap interval of D = mean over groups of each group's mean difference. Each of `resamples`
/// draws takes, in each group, as many differences as there are, with replacement; the interval is the 2.5th and 97.5th
/// percentile of the draws' D, interpolated linearly as numpy.percentile does. One group: SciPy's
/// bootstrap(method="percentile") of the mean. The same differences and seed give the same interval.
/// nullopt without groups, and if one has fewer than two differences: it would pass for one that never varies.
/// Cost: resamples draws of all differences.
std::optional<Interval> bootstrap_interval(std::span<const std::vector<double>> groups, uint64_t seed = 1,
                                           int resamples = kResamples);

}  // namespace nxm
