// SPDX-License-Identifier: Apache-2.0
#pragma once
// The folder of a sweep: whose it is, that only one sweep works in it, and where each run's files are.
//   sweep.toml  recipes/<run>.toml  runs/<run>/  logs/<run>.log  results.csv results.md results.json

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nxm/io/file_lock.h"
#include "nxm/sweep/job_list.h"

namespace nxm {

/// Where things are; touches nothing.
class SweepPaths {
 public:
  explicit SweepPaths(std::filesystem::path folder) : path_(std::move(folder)) {}
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path recipe(const Job& job) const { return path_ / "recipes" / (job.name + ".toml"); }
  [[nodiscard]] std::filesystem::path run(const Job& job) const { return path_ / "runs" / job.name; }
  [[nodiscard]] std::filesystem::path log(const Job& job) const { return path_ / "logs" / (job.name + ".log"); }

 private:
  std::filesystem::path path_;
};

/// In which way the sweep in the folder is not this one: a line for each run that differs or is not asked for any more.
/// New runs are no difference: a sweep may grow. Throws Error if the folder holds something else.
std::vector<std::string> sweep_differences(const SweepPaths& paths, std::span<const Job> jobs);

/// A sweep's claim to its folder, as long as it lives.
class SweepFolder {
 public:
  /// Creates the folder or takes the one of the same sweep, and writes sweep.toml and the recipes that are not there
  /// yet. Throws UsageError with the list of differences, Error if another process is at work in it.
  SweepFolder(const SweepPaths& paths, std::string_view sweep_toml, std::span<const Job> jobs);

 private:
  std::unique_ptr<FileLock> lock_;
};

}  // namespace nxm
