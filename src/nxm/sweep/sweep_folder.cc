// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/sweep_folder.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/sweep/run_check.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSweep = "sweep.toml";
constexpr const char* kLock = ".lock";
constexpr size_t kShown = 20;  // lines of differences; more help nobody

bool is_unfinished(const fs::path& file) { return file.extension() == ".tmp"; }

bool is_strange(const fs::path& folder) {
  if (!fs::exists(folder) || fs::exists(folder / kSweep)) return false;
  return std::any_of(fs::directory_iterator(folder), fs::directory_iterator(), [](const auto& entry) {
    return entry.path().filename() != kLock && !is_unfinished(entry.path());
  });
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder.string(), "cannot be created: {}", error.message());
}

}  // namespace

std::vector<std::string> sweep_differences(const SweepPaths& paths, std::span<const Job> jobs) {
  const std::string where = paths.path().string();
  if (fs::exists(paths.path()) && !fs::is_directory(paths.path())) fail(where, "is a file; --out needs a folder");
  if (is_strange(paths.path())) {
    fail(where, "holds files that are not a sweep's; choose an empty or new folder for --out");
  }
  const fs::path folder = paths.path() / "recipes";
  if (!fs::is_directory(folder)) return {};
  std::set<fs::path> known;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!is_unfinished(entry.path())) known.insert(entry.path());
  }
  std::vector<std::string> lines;
  for (const Job& job : jobs) {
    if (known.erase(paths.recipe(job)) == 0) continue;
    for (const std::string& line : recipe_differences(Recipe::load(paths.recipe(job)), job.recipe)) {
      lines.push_back(fmt::format("{}: {}", job.name, line));
    }
  }
  for (const fs::path& path : known) {
    lines.push_back(fmt::format("{}: is not a run of this sweep", path.stem().string()));
  }
  return lines;
}

SweepFolder::SweepFolder(const SweepPaths& paths, std::string_view sweep_toml, std::span<const Job> jobs) {
  const std::string where = paths.path().string();
  (void)sweep_differences(paths, {});  // not a folder, or somebody else's
  make_folder(paths.path());
  lock_ = std::make_unique<FileLock>(paths.path() / kLock, [&] {
    fail(where, "another nxm sweep is at work in this folder; wait for it, or choose another --out");
  });
  const std::vector<std::string> lines = sweep_differences(paths, jobs);
  if (!lines.empty()) {
    std::string text;
    for (size_t i = 0; i < std::min(lines.size(), kShown); ++i) text += "\n  " + lines[i];
    if (lines.size() > kShown) text += fmt::format("\n  and {} more", lines.size() - kShown);
    fail_usage(where, "the sweep is not the one this folder was made by:{}\nUndo the change, or choose another --out",
               text);
  }
  remove_unfinished_files(paths.path());
  for (const char* name : {"recipes", "runs", "logs"}) make_folder(paths.path() / name);
  remove_unfinished_files(paths.path() / "recipes");
  write_file(paths.path() / kSweep, sweep_toml);  // before the recipes: it says whose folder this is
  for (const Job& job : jobs) {
    if (!fs::exists(paths.recipe(job))) write_file(paths.recipe(job), job.recipe.to_toml());
  }
}

}  // namespace nxm
