// SPDX-License-Identifier: Apache-2.0
#pragma once
// A sweep file: one recipe and the axes along which it is varied, read from TOML. Which runs come of it is
// job_list.h's.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nxm {

/// One value of an axis: its name in tables and folders, and what it sets in the recipe ("stage.admm.rho=0.01").
struct AxisValue {
  std::string label;
  std::vector<std::string> set;
};

struct Axis {
  std::string name;  ///< a key of --set, or any name if its values are labelled
  std::vector<AxisValue> values;
};

/// Combinations to leave out: those that hold one of the labels on every axis named.
struct Exclusion {
  struct Part {
    size_t axis;
    std::vector<std::string> labels;
  };
  std::vector<Part> parts;
};

struct SweepFile {
  std::filesystem::path file;
  std::filesystem::path recipe;
  std::string baseline;  ///< stage that the others are compared with; "" = none
  /// Of which run it is taken: the one with these labels (one each) and otherwise the same values. None: the same run.
  std::vector<Exclusion::Part> baseline_at;
  std::string average;           ///< axis to average over in the last rows; "" = none. Default: task or task.name
  int threads = 1;               ///< of each run
  std::vector<std::string> set;  ///< overrides of every run
  std::vector<Axis> axes;        ///< in the file's order
  std::vector<Exclusion> excluded;

  /// Relative paths (`recipe`, and model.path, task.data and a stage's teacher in overrides) are taken from the file's
  /// folder and are absolute here; "~/" stays. Throws UsageError ("sweep.toml:4: …") with the nearest name; what the
  /// overrides say is checked where they meet the recipe (make_jobs).
  static SweepFile parse(std::string_view toml, const std::filesystem::path& file);
};

/// "asp", or "asp at pattern=2:4".
std::string baseline_name(const SweepFile& sweep);

/// The axis `name`; its index. Throws UsageError(where) with the nearest name.
size_t find_axis(const std::vector<Axis>& axes, std::string_view name, std::string_view where);

}  // namespace nxm
