// SPDX-License-Identifier: Apache-2.0
#pragma once
// The runs of a sweep: the product of its axes, each with its whole recipe.

#include <span>
#include <string>
#include <vector>

#include "nxm/recipe/recipe.h"
#include "nxm/sweep/sweep_file.h"

namespace nxm {

struct Job {
  std::string name;                 ///< "seed=1,task=mrpc": a file name, and unique in the sweep
  std::vector<std::string> labels;  ///< its value on each axis
  Recipe recipe;
};

/// The product of the axes less what is excluded, the last axis fastest. Each recipe is the sweep's with `threads`,
/// `set`, the values of the axes and `overrides` put into it in this order, the last one counting. Throws UsageError:
/// an override that the recipe has no key for (with the nearest), no runs left, two runs that are the same, a baseline
/// that is not a stage of every run, or whose run is excluded.
std::vector<Job> make_jobs(const SweepFile& sweep, std::span<const std::string> overrides = {});

/// The run whose baseline stage a run is compared with: itself, or the one that `baseline_at` names; its index.
size_t baseline_job(const SweepFile& sweep, std::span<const Job> jobs, size_t job);

}  // namespace nxm
