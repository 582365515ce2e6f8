// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/job_list.h"

#include <algorithm>
#include <map>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

constexpr size_t kMaxJobs = 10000;      // a product that is larger is a slip
constexpr size_t kMaxName = 200;        // of 255 bytes that a file name may have; endings come on top
constexpr size_t kMaxRecipe = 1 << 20;  // as Recipe::load has it

// For a file name: what a shell or another system could take for something else becomes '_'.
std::string plain(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
  std::string name(text);
  std::ranges::replace_if(
      name, [&](char c) { return kPlain.find(c) == std::string_view::npos; }, '_');
  return name;
}

bool excludes(const Exclusion& exclusion, const std::vector<std::string>& labels) {
  return std::ranges::all_of(exclusion.parts, [&](const Exclusion::Part& part) {
    return std::ranges::count(part.labels, labels[part.axis]) > 0;
  });
}

// The position on each axis of the `number`th combination.
std::vector<size_t> combination(const std::vector<Axis>& axes, size_t number) {
  std::vector<size_t> places(axes.size());
  for (size_t a = axes.size(); a-- > 0; number /= axes[a].values.size()) places[a] = number % axes[a].values.size();
  return places;
}

size_t product(const SweepFile& sweep) {
  size_t runs = 1;
  for (const Axis& axis : sweep.axes) {
    runs *= axis.values.size();
    if (runs > kMaxJobs) {
      fail_usage(sweep.file.string(), "the axes multiply to more than {} runs; leave values out", kMaxJobs);
    }
  }
  return runs;
}

void check_baseline(const SweepFile& sweep, const Job& job) {
  std::vector<std::string_view> names;
  for (const StageSpec& stage : job.recipe.stages) names.push_back(stage.name);
  if (sweep.baseline.empty() || std::ranges::count(names, sweep.baseline) > 0) return;
  fail_usage(sweep.file.string(), "baseline: run {} has no stage '{}'{}; it has {}", job.name, sweep.baseline,
             did_you_mean(sweep.baseline, names), quoted_list(names));
}

// Two runs that would write to one place, or do the same work twice.
void check_distinct(const SweepFile& sweep, const std::vector<Job>& jobs) {
  std::map<std::string, std::string> names, recipes;
  for (const Job& job : jobs) {
    const std::string labels = fmt::format("{}", fmt::join(job.labels, ", "));
    if (const auto [same, fresh] = names.emplace(job.name, labels); !fresh) {
      fail_usage(sweep.file.string(), "the runs of ({}) and ({}) would both have the name {}; give the values labels",
                 same->second, labels, job.name);
    }
    if (const auto [same, fresh] = recipes.emplace(job.recipe.to_toml(), job.name); !fresh) {
      fail_usage(
          sweep.file.string(),
          "the runs {} and {} are the same: what an axis sets is set again after it, or has no effect on that stage",
          same->second, job.name);
    }
  }
}

}  // namespace

std::vector<Job> make_jobs(const SweepFile& sweep, std::span<const std::string> overrides) {
  const std::string where = sweep.file.string();
  const std::string text = read_file(sweep.recipe, kMaxRecipe);
  std::vector<Job> jobs;
  const size_t runs = product(sweep);
  for (size_t number = 0; number < runs; ++number) {
    Job job;
    std::vector<std::string> set{fmt::format("threads={}", sweep.threads)};
    set.insert(set.end(), sweep.set.begin(), sweep.set.end());
    const std::vector<size_t> places = combination(sweep.axes, number);
    for (size_t a = 0; a < places.size(); ++a) {
      const AxisValue& value = sweep.axes[a].values[places[a]];
      job.labels.push_back(value.label);
      job.name += fmt::format("{}{}={}", a == 0 ? "" : ",", plain(sweep.axes[a].name), plain(value.label));
      set.insert(set.end(), value.set.begin(), value.set.end());
    }
    if (std::ranges::any_of(sweep.excluded, [&](const Exclusion& e) { return excludes(e, job.labels); })) continue;
    if (job.name.size() > kMaxName) {
      fail_usage(where, "the name of run {} has {} bytes, more than {}; give the values short labels", job.name,
                 job.name.size(), kMaxName);
    }
    set.insert(set.end(), overrides.begin(), overrides.end());
    try {
      job.recipe = Recipe::parse(text, sweep.recipe, set);
    } catch (const UsageError& error) {
      fail_usage(where, "run {}: {}", job.name, error.what());
    }
    check_baseline(sweep, job);
    jobs.push_back(std::move(job));
  }
  if (jobs.empty()) fail_usage(where, "every run is excluded; remove an [[exclude]]");
  check_distinct(sweep, jobs);
  for (size_t i = 0; i < jobs.size(); ++i) (void)baseline_job(sweep, jobs, i);
  return jobs;
}

size_t baseline_job(const SweepFile& sweep, std::span<const Job> jobs, size_t job) {
  if (sweep.baseline_at.empty()) return job;
  std::vector<std::string> labels = jobs[job].labels;
  for (const Exclusion::Part& part : sweep.baseline_at) labels[part.axis] = part.labels[0];
  const auto found = std::ranges::find(jobs, labels, &Job::labels);
  if (found == jobs.end()) {
    fail_usage(sweep.file.string(), "[baseline_at]: what run {} is compared with, ({}), is excluded", jobs[job].name,
               fmt::join(labels, ", "));
  }
  return static_cast<size_t>(found - jobs.begin());
}

}  // namespace nxm
