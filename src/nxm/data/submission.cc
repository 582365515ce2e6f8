// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/submission.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

std::string prediction_text(const Task& task, float prediction) {
  if (task.kind == TaskKind::kRegression) {
    const double value = prediction;
    return fmt::format("{:.6f}",
                       task.min_label < task.max_label ? std::clamp(value, task.min_label, task.max_label) : value);
  }
  require(prediction >= 0 && prediction < static_cast<float>(task.labels.size()),
          "write_submission: class ids of the task");
  return std::string(file_word(task, static_cast<size_t>(prediction)));
}

}  // namespace

std::filesystem::path submission_path(const Task& task, std::string_view split, const std::filesystem::path& folder) {
  const auto spec = task.splits.find(std::string(split));
  if (spec == task.splits.end() || spec->second.submission.empty()) {
    fail_usage("submission", "task '{}' has no submission file for split '{}'; GLUE's tasks have one for 'test'",
               task.name, split);
  }
  return folder / spec->second.submission;
}

std::filesystem::path write_submission(const Task& task, std::string_view split, std::span<const float> predictions,
                                       const std::filesystem::path& folder) {
  auto path = submission_path(task, split, folder);
  std::string text = "index\tprediction\n";
  for (size_t i = 0; i < predictions.size(); ++i) {
    text += fmt::format("{}\t{}\n", i, prediction_text(task, predictions[i]));
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail_errno(folder, "make the folder", error.value());
  write_file(path, text);
  return path;
}

}  // namespace nxm
