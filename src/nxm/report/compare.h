// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs beside one another: which differ only in their seed, and in which keys the others differ.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "nxm/report/run_record.h"

namespace nxm {

/// Mean and sample standard deviation (divisor n - 1; 0 for one value).
struct Spread {
  double mean = 0, deviation = 0;
  size_t count = 0;
};
Spread spread_of(std::span<const double> values);

/// Indices of runs whose recipes differ in nothing but `seed`; what changes no result (checkpoint_every, keep_stages)
/// does not count. In order of first appearance; a run without a recipe stands alone.
std::vector<std::vector<size_t>> seed_groups(std::span<const RunRecord> runs);

/// Of a group, those that a mean may count: finished, and the first of each seed.
std::vector<size_t> counted(std::span<const RunRecord> runs, std::span<const size_t> group);

/// Numeric keys that have two values or more among the finished runs, without `seed`.
std::vector<std::string> varied_keys(std::span<const RunRecord> runs);

/// A key's value as a number.
std::optional<double> number_of(const RunRecord& run, const std::string& key);

/// The run's recipe as text, without `seed`, what changes no result, and the keys in `without`.
std::string recipe_text(const RunRecord& run, std::span<const std::string> without = {});

/// "stage.admm.rho = 0.001, stage.admm.pull = 8": keys in which the runs at `places` differ from one another, as the
/// run at `place` has them. Without `seed` and the key `without`.
std::string difference_text(std::span<const RunRecord> runs, std::span<const size_t> places, size_t place,
                            const std::string& without);

/// How a run is drawn: runs that differ only in their seed look the same.
struct Look {
  std::string label;
  int style = 0;
};
/// By run. More than kStyles groups are all drawn plain, with one label for all.
std::vector<Look> looks_of(std::span<const RunRecord> runs);

}  // namespace nxm
