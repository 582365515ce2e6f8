// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/label_map.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"
#include "nxm/core/suggest.h"

namespace nxm {
namespace {

std::string list(std::span<const std::string> labels) {
  return quoted_list(std::vector<std::string_view>(labels.begin(), labels.end()));
}

bool is_numbered(std::span<const std::string> labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != fmt::format("LABEL_{}", i)) return false;
  }
  return true;
}

std::optional<int64_t> class_of(const Task& task, const std::string& word) {
  const auto alias = task.label_aliases.find(word);
  const std::string name = ascii_lower(alias == task.label_aliases.end() ? word : alias->second);
  for (size_t id = 0; id < task.labels.size(); ++id) {
    if (ascii_lower(task.labels[id]) == name) return static_cast<int64_t>(id);
  }
  return std::nullopt;
}

}  // namespace

LabelMap map_labels(const Task& task, std::span<const std::string> model_labels, std::string_view where) {
  if (static_cast<int64_t>(model_labels.size()) != task.outputs()) {
    fail(where, "the model has {} output(s), {}, but task '{}' needs {}, {}; fine-tune a model for this task",
         model_labels.size(), list(model_labels), task.name, task.outputs(), list(task.labels));
  }
  if (task.kind == TaskKind::kRegression) return {.task_class = {0}};
  if (is_numbered(model_labels)) {
    LabelMap map{.task_class = std::vector<int64_t>(model_labels.size())};
    std::iota(map.task_class.begin(), map.task_class.end(), int64_t{0});
    map.note = fmt::format("the model's labels have no names ({}); taken in the task's order, {}", list(model_labels),
                           list(task.labels));
    return map;
  }
  LabelMap map{.task_class = {}};
  for (const std::string& label : model_labels) {
    const auto id = class_of(task, label);
    if (!id || std::ranges::count(map.task_class, *id) > 0) {
      fail(where, "the model's labels, {}, are not those of task '{}', {}; they must have the same names, in any order",
           list(model_labels), task.name, list(task.labels));
    }
    map.task_class.push_back(*id);
  }
  return map;
}

}  // namespace nxm
