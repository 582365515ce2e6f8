// SPDX-License-Identifier: Apache-2.0
#pragma once
// A recipe and sweep files for tests of sweeps.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/sweep/job_list.h"

namespace nxm {

namespace fs = std::filesystem;

namespace test {

/// A folder, removed with the object, that holds r.toml: stages dense, asp and admm of mrpc.
struct Folder {
  Folder() {
    std::string name = (fs::temp_directory_path() / "nxm_sweep_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path = fs::canonical(name);
    write_file(path / "r.toml",
               "[model]\npath = 'model'\n[task]\nname = 'mrpc'\ndata = 'glue'\n"
               "[[stage]]\nmethod = 'dense'\n[[stage]]\nmethod = 'asp'\n[[stage]]\nmethod = 'admm'\n");
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] SweepFile sweep(const std::string& toml) const {
    return SweepFile::parse("recipe = 'r.toml'\n" + toml, path / "s.toml");
  }
  [[nodiscard]] std::vector<Job> jobs(const std::string& toml, const std::vector<std::string>& set = {}) const {
    return make_jobs(sweep(toml), set);
  }
  /// What make_jobs() has against the file; "" if nothing. Anything but UsageError fails the test.
  [[nodiscard]] std::string complaint(const std::string& toml, const std::vector<std::string>& set = {}) const {
    try {
      (void)jobs(toml, set);
    } catch (const UsageError& error) {
      return error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "not a UsageError: " << error.what();
    }
    return "";
  }

  fs::path path;
};

inline std::vector<std::string> names_of(const std::vector<Job>& jobs) {
  std::vector<std::string> names;
  for (const Job& job : jobs) names.push_back(job.name);
  return names;
}

inline void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

}  // namespace test
}  // namespace nxm
