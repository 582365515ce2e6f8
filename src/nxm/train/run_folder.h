// SPDX-License-Identifier: Apache-2.0
#pragma once
// The folder a run writes to: whose it is, whether it may be used, and that only one process does.

#include <filesystem>

#include "nxm/recipe/recipe.h"

namespace nxm {

class RunFolder {
 public:
  /// Creates or claims `folder` for `recipe` and writes recipe.toml into it. An existing run is an Error unless
  /// `resume` (its recipe must be the same: UsageError that lists the differences) or `force` (what the run wrote is
  /// removed, and nothing else). A folder that holds other people's files, a recipe.toml of their own among them, or
  /// lies inside the model's folder, is always refused and left as it is, and so is `force` where it would remove the
  /// model to begin with. Locks the folder for this process.
  RunFolder(std::filesystem::path folder, const Recipe& recipe, bool resume, bool force);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path stage(const std::string& name) const { return path_ / "stages" / name; }
  [[nodiscard]] std::filesystem::path model() const { return path_ / "model"; }
  [[nodiscard]] std::filesystem::path results() const { return path_ / "all_results.json"; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

}  // namespace nxm
