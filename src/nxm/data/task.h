// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a task is: its columns, labels, metrics and files. One table holds those nxm knows; a recipe may describe
// another.

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nxm {

enum class TaskKind { kClassification, kRegression };
enum class FileFormat { kTsv, kCsv, kJsonl };

/// One file of a split: where its columns are. A column is a header's name, or a 0-based number as text ("3") where the
/// file has no header.
struct SplitSpec {
  std::string file{};  ///< relative to the data folder; several alternatives separated by '|', first found wins
  std::vector<std::string> text{};  ///< one or two columns
  std::string label{};              ///< "" where the file has no labels
  bool header = true;
  std::string submission{};      ///< GLUE server's name for this split's predictions ("MNLI-m.tsv"), or ""
  bool skip_short_rows = false;  ///< rows with too few columns are left out and counted, not refused (GLUE's QQP)
};

struct Task {
  /// As in HF: "cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli"; "reviews"; or a user's.
  std::string name{};
  TaskKind kind = TaskKind::kClassification;
  std::vector<std::string> labels{};                   ///< label words in order of id; {"score"} for regression
  std::map<std::string, std::string> label_aliases{};  ///< words in files that mean a label ("0" -> "not_equivalent")
  std::vector<std::string> metrics{};                  ///< names of metrics.h, in order
  std::map<std::string, SplitSpec> splits{};           ///< "train", "dev", "test", "dev_mismatched", …
  std::string folder{};                                ///< GLUE's folder name ("STS-B"), tried under the data folder
  std::vector<double> class_weights{};                 ///< per label, or empty
  FileFormat format = FileFormat::kTsv;
  double min_label = 0, max_label = 0;  ///< regression: allowed range; equal = any

  [[nodiscard]] int64_t outputs() const {
    return kind == TaskKind::kRegression ? 1 : static_cast<int64_t>(labels.size());
  }
};

/// The known tasks, one row each.
std::span<const Task> task_table();
/// Case and '-'/'_' ignored ("STS-B" finds "stsb"). Throws UsageError with the nearest name.
const Task& find_task(std::string_view name);

/// The word for class `id` in the task's files and submissions: "0" where labels have numbers for aliases, else the
/// label.
std::string_view file_word(const Task& task, size_t id);

/// Path of a split's file: `data`/file, or `data`/`folder`/file. None if no such file exists. Throws UsageError for a
/// split that the task does not have.
std::optional<std::filesystem::path> find_split(const Task& task, std::string_view split,
                                                const std::filesystem::path& data);
/// The same; throws Error that lists what was tried.
std::filesystem::path split_path(const Task& task, std::string_view split, const std::filesystem::path& data);

}  // namespace nxm
