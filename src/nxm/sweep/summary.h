// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a sweep shows: each stage's score over the seeds, and how it differs from the baseline stage. How that looks is
// summary_text.h's.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nxm/metrics/paired.h"
#include "nxm/report/results.h"
#include "nxm/sweep/job_list.h"

namespace nxm {

/// A stage's score minus the baseline's, in the same runs or with the same seeds (SweepFile::baseline_at).
struct Difference {
  double mean = 0;
  std::optional<Interval> interval;  ///< 95 %, by bootstrap over the runs; none for a single one
};

struct SummaryRow {
  std::vector<std::string> labels;  ///< on each axis but `seed`; "average" on the axis averaged over
  std::string stage, method, pattern;
  size_t runs = 0;                       ///< that the row is made of; of an average, seeds that every value has
  double mean = 0;                       ///< of the score
  std::optional<double> deviation;       ///< of a sample; none for a single run
  std::optional<Difference> difference;  ///< none without a baseline, and for the baseline itself
};

struct Summary {
  std::vector<std::string> axes;  ///< without `seed`
  std::string baseline;           ///< baseline_name()
  std::vector<SummaryRow> rows;
};

/// `results[i]` are the stages of `jobs[i]`, empty if it is not done. Rows come in the order of the runs, averages
/// last: a stage has one where each value of the axis has it for at least one common seed. In an average the score of a
/// seed is the mean over the axis, and the interval draws within each value (bootstrap_interval).
Summary summarise(const SweepFile& sweep, std::span<const Job> jobs, std::span<const std::vector<StageResult>> results);

}  // namespace nxm
