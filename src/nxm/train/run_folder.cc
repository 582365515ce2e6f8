// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecipe = "recipe.toml";
constexpr const char* kLock = ".lock";
// All that a run writes; --force removes these and nothing else.
constexpr const char* kWritten[] = {kRecipe, "run.jsonl", "all_results.json", "checkpoints", "stages", "model", "runs"};

bool is_inside(const fs::path& inner, const fs::path& outer) {
  const fs::path a = fs::weakly_canonical(inner), b = fs::weakly_canonical(outer);
  return std::mismatch(b.begin(), b.end(), a.begin(), a.end()).first == b.end();
}

// A recipe.toml alone is no run: people keep their own recipes beside a model. A run locks its folder before it writes
// anything, and the lock's file stays.
bool holds_run(const fs::path& folder) {
  return fs::is_regular_file(fs::symlink_status(folder / kRecipe)) &&
         fs::is_regular_file(fs::symlink_status(folder / kLock));
}

// "run.jsonl.<process>.<number>.tmp" (io/atomic_file.h), left by a write that was cut short.
bool is_unfinished(const fs::path& file) {
  if (file.extension() != ".tmp") return false;
  const fs::path written = file.stem().stem().stem();
  return std::ranges::any_of(kWritten, [&](const char* name) { return written == name; });
}

bool is_free(const fs::path& folder) {
  return std::all_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const auto& entry) { return entry.path().filename() == kLock || is_unfinished(entry.path()); });
}

}  // namespace

RunFolder::RunFolder(fs::path folder, const Recipe& recipe, bool resume, bool force) : path_(std::move(folder)) {
  const std::string where = path_.string();
  if (fs::exists(path_) && !fs::is_directory(path_)) fail(where, "is a file; --out needs a folder");
  if (fs::is_directory(recipe.model) && is_inside(path_, recipe.model)) {
    fail(where, "lies inside the model's folder {}; choose another --out", recipe.model);
  }
  for (const char* name : kWritten) {
    if (force && fs::is_directory(recipe.model) && is_inside(recipe.model, path_ / name)) {
      fail(where, "holds the model to begin with, {}, which --force would remove; choose another --out", recipe.model);
    }
  }
  const bool resumed = resume && fs::exists(path_ / kRecipe);  // also of a copy without its lock
  if (fs::is_directory(path_) && !resumed && !holds_run(path_) && !is_free(path_)) {
    fail(where, "holds files that are not a run's (which has {} and {}); choose an empty or new folder for --out",
         kRecipe, kLock);
  }
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail(where, "cannot be created: {}", error.message());

  lock_ = open((path_ / kLock).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (lock_ < 0) fail(where, "cannot be written to: {}", std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    fail(where, "another nxm is at work in this folder; wait for it, or choose another --out");
  }
  try {
    for (const auto& entry : fs::directory_iterator(path_)) {
      if (is_unfinished(entry.path())) fs::remove(entry.path());
    }
    if (fs::exists(path_ / kRecipe)) {
      if (resume) {
        const auto differences = recipe_differences(Recipe::load(path_ / kRecipe), recipe);
        std::string text;
        for (const std::string& line : differences) text += "\n  " + line;
        if (!differences.empty()) {
          fail_usage(where,
                     "the recipe is not the one this run began with:{}\nUndo the change, or start a new run in "
                     "another --out (or with --force)",
                     text);
        }
        return;
      }
      if (!force)
        fail(where, "holds a run already. Go on with it by --resume, replace it by --force, or choose another --out");
      for (const std::string_view name : kWritten) {
        if (name != kRecipe)
          fs::remove_all(path_ / name);  // with its recipe, what is left stays a run's if killed here
      }
    }
    write_file(path_ / kRecipe, recipe.to_toml());
  } catch (...) {
    close(lock_);
    throw;
  }
}

RunFolder::~RunFolder() { close(lock_); }

}  // namespace nxm
