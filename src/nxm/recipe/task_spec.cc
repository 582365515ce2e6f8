// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/task_spec.h"

#include <algorithm>
#include <array>
#include <set>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"

namespace nxm {
namespace {

constexpr std::array<std::string_view, 3> kFormats{"tsv", "csv", "jsonl"};  // in the order of FileFormat

FileFormat format_of(const TaskSpec& spec) {
  const std::string ending = ascii_lower(std::filesystem::path(spec.train).extension().string());
  const std::string name = !spec.format.empty() ? spec.format
                           : ending == ".json"  ? "jsonl"
                                                : ending.substr(!ending.empty());
  const auto found = std::ranges::find(kFormats, name);
  return found == kFormats.end() ? FileFormat::kTsv : static_cast<FileFormat>(found - kFormats.begin());
}

bool is_number(std::string_view column) {
  return !column.empty() && column.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_for_numbers(std::string_view metric) { return metric == "pearson" || metric == "spearman"; }

void check_labels(const TaskSpec& spec, std::string_view where) {
  if (spec.kind == "regression") {
    if (!spec.labels.empty()) fail_usage(where, "'labels' in [task]: a regression has none; leave them out");
    return;
  }
  const size_t count = spec.labels.size();
  if (count < 2)
    fail_usage(where, "'labels' in [task]: expected two or more, got {}; name every label in the files", count);
  if (std::set(spec.labels.begin(), spec.labels.end()).size() != count) {
    fail_usage(where, "'labels' in [task]: each may stand once");
  }
}

void check_class_weights(const Task& task, std::string_view where) {
  const size_t count = task.class_weights.size();
  if (count == 0) return;
  if (task.kind == TaskKind::kRegression) fail_usage(where, "'class_weights' in [task]: a regression has no classes");
  if (count != task.labels.size()) {
    fail_usage(where, "'class_weights' in [task]: expected one for each of the {} labels, got {}", task.labels.size(),
               count);
  }
}

void check_metrics(const Task& task, std::string_view where) {
  const bool regression = task.kind == TaskKind::kRegression;
  for (const std::string& metric : task.metrics) {
    if (is_for_numbers(metric) != regression) {
      fail_usage(where, "'metrics' in [task]: '{}' does not measure a {}; there are {}", metric,
                 regression ? "regression" : "classification",
                 regression ? "pearson and spearman" : "accuracy, f1, macro_f1 and matthews");
    }
    if (metric == "f1" && task.labels.size() != 2) {
      fail_usage(where, "'metrics' in [task]: 'f1' is for two labels, there are {}; use 'macro_f1'",
                 task.labels.size());
    }
  }
}

Task known_task(const TaskSpec& spec, std::string_view where) {
  if (spec.name.empty()) fail_usage(where, "[task] needs 'name', a known task, or 'train', 'dev', 'text' and 'label'");
  try {
    return find_task(spec.name);
  } catch (const UsageError& error) {
    fail_usage(where, "'name' in [task]: {}; a task of your own needs 'train', 'dev', 'text' and 'label'",
               error.what());
  }
}

Task described_task(const TaskSpec& spec, bool header_given, std::string_view where) {
  const std::pair<std::string_view, bool> needed[] = {{"train", !spec.train.empty()},
                                                      {"dev", !spec.dev.empty()},
                                                      {"text", !spec.text.empty()},
                                                      {"label", !spec.label.empty()}};
  for (const auto& [key, there] : needed) {
    if (!there) fail_usage(where, "[task] describes a task of its own, so it needs '{}' too", key);
  }
  if (spec.text.size() > 2)
    fail_usage(where, "'text' in [task]: expected one or two columns, got {}", spec.text.size());
  check_labels(spec, where);

  const bool regression = spec.kind == "regression";
  Task task;
  task.name = spec.name.empty() ? "custom" : spec.name;
  task.kind = regression ? TaskKind::kRegression : TaskKind::kClassification;
  task.labels = regression ? std::vector<std::string>{"score"} : spec.labels;
  task.metrics = regression ? std::vector<std::string>{"pearson", "spearman"} : std::vector<std::string>{"accuracy"};
  task.format = format_of(spec);

  SplitSpec split{.text = spec.text, .label = spec.label, .header = spec.header};
  if (!header_given) split.header = !(std::ranges::all_of(spec.text, is_number) && is_number(spec.label));
  const std::pair<std::string_view, std::string_view> files[] = {
      {"train", spec.train}, {"dev", spec.dev}, {"test", spec.test}};
  for (const auto& [name, file] : files) {
    if (file.empty()) continue;
    split.file = file;
    task.splits[std::string(name)] = split;
  }
  return task;
}

}  // namespace

Task make_task(const TaskSpec& spec, bool described, bool header_given, std::string_view where) {
  Task task = described ? described_task(spec, header_given, where) : known_task(spec, where);
  if (!spec.metrics.empty()) task.metrics = spec.metrics;
  if (!spec.class_weights.empty()) task.class_weights = spec.class_weights;
  check_metrics(task, where);
  check_class_weights(task, where);
  return task;
}

TaskSpec spec_of(const Task& task, bool described) {
  TaskSpec spec;
  spec.name = task.name;
  spec.metrics = task.metrics;
  spec.class_weights = task.class_weights;
  if (!described) return spec;
  const bool regression = task.kind == TaskKind::kRegression;
  spec.kind = regression ? "regression" : "classification";
  const auto file = [&](const char* split) {
    const auto found = task.splits.find(split);
    return found == task.splits.end() ? std::string() : found->second.file;
  };
  spec.train = file("train");
  spec.dev = file("dev");
  spec.test = file("test");
  const SplitSpec& split = task.splits.at("train");
  spec.text = split.text;
  spec.label = split.label;
  spec.header = split.header;
  if (!regression) spec.labels = task.labels;
  spec.format = kFormats[static_cast<size_t>(task.format)];
  return spec;
}

}  // namespace nxm
