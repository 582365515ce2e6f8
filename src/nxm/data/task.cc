// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/task.h"

#include <algorithm>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"
#include "nxm/core/suggest.h"

namespace nxm {
namespace {

using Words = std::vector<std::string>;

/// Files that hold class ids: "0" means the first label, and so on.
Task numbered(Task task) {
  for (size_t id = 0; id < task.labels.size(); ++id) task.label_aliases[std::to_string(id)] = task.labels[id];
  return task;
}

/// GLUE's usual three files. A "partial" file is a cut of the official one that keeps its layout.
std::map<std::string, SplitSpec> three(const Words& text, const std::string& label, const std::string& submission) {
  return {{"train", {.file = "train.tsv|train_partial.tsv", .text = text, .label = label}},
          {"dev", {.file = "dev.tsv|dev_partial.tsv", .text = text, .label = label}},
          {"test", {.file = "test.tsv", .text = text, .submission = submission}}};
}

Task cola() {
  Task task{.name = "cola",
            .labels = {"unacceptable", "acceptable"},
            .metrics = {"matthews"},
            .splits = three({"3"}, "1", "CoLA.tsv"),
            .folder = "CoLA"};
  task.splits["train"].header = task.splits["dev"].header = false;
  task.splits["test"].text = {"sentence"};
  return task;
}

Task qqp() {
  Task task{.name = "qqp",
            .labels = {"not_duplicate", "duplicate"},
            .metrics = {"f1", "accuracy"},
            .splits = three({"question1", "question2"}, "is_duplicate", "QQP.tsv"),
            .folder = "QQP"};
  for (auto& [name, split] : task.splits) split.skip_short_rows = !split.label.empty();
  return task;
}

Task mnli() {
  const Words text{"sentence1", "sentence2"};
  Task task{.name = "mnli",
            .labels = {"entailment", "neutral", "contradiction"},
            .metrics = {"accuracy"},
            .splits = three(text, "gold_label", "MNLI-m.tsv"),
            .folder = "MNLI"};
  task.splits["dev"].file = "dev_matched.tsv";
  task.splits["test"].file = "test_matched.tsv";
  task.splits["dev_mismatched"] = {
      .file = "dev_mismatched.tsv|dev_mismatched_gold_subset.tsv", .text = text, .label = "gold_label"};
  task.splits["test_mismatched"] = {.file = "test_mismatched.tsv", .text = text, .submission = "MNLI-mm.tsv"};
  // GLUE's diagnostic set is scored with a model of MNLI; the usual download gives it a folder of its own.
  task.splits["ax"] = {.file = "diagnostic.tsv|diagnostic/diagnostic.tsv|../diagnostic/diagnostic.tsv|AX.tsv|AX/AX.tsv",
                       .text = text,
                       .submission = "AX.tsv"};
  return task;
}

std::vector<Task> make_table() {
  const Words sentences{"sentence1", "sentence2"};
  return {
      numbered(cola()),
      numbered({.name = "sst2",
                .labels = {"negative", "positive"},
                .metrics = {"accuracy"},
                .splits = three({"sentence"}, "label", "SST-2.tsv"),
                .folder = "SST-2"}),
      numbered({.name = "mrpc",
                .labels = {"not_equivalent", "equivalent"},
                .metrics = {"f1", "accuracy"},
                .splits = three({"#1 String", "#2 String"}, "Quality", "MRPC.tsv"),
                .folder = "MRPC"}),
      {.name = "stsb",
       .kind = TaskKind::kRegression,
       .labels = {"score"},
       .metrics = {"pearson", "spearman"},
       .splits = three(sentences, "score", "STS-B.tsv"),
       .folder = "STS-B",
       .min_label = 0,
       .max_label = 5},
      numbered(qqp()),
      mnli(),
      {.name = "qnli",
       .labels = {"entailment", "not_entailment"},
       .metrics = {"accuracy"},
       .splits = three({"question", "sentence"}, "label", "QNLI.tsv"),
       .folder = "QNLI"},
      {.name = "rte",
       .labels = {"entailment", "not_entailment"},
       .metrics = {"accuracy"},
       .splits = three(sentences, "label", "RTE.tsv"),
       .folder = "RTE"},
      numbered({.name = "wnli",
                .labels = {"not_entailment", "entailment"},
                .metrics = {"accuracy"},
                .splits = three(sentences, "label", "WNLI.tsv"),
                .folder = "WNLI"}),
      // The demo's film reviews (tools/demo_assets).
      {.name = "reviews",
       .labels = {"negative", "positive"},
       .metrics = {"accuracy"},
       .splits = {{"train", {.file = "train.tsv", .text = {"text"}, .label = "label"}},
                  {"dev", {.file = "dev.tsv", .text = {"text"}, .label = "label"}}},
       .folder = "reviews"},
  };
}

std::string plain_name(std::string_view name) {
  std::string plain = ascii_lower(name);
  std::erase_if(plain, [](char c) { return c == '-' || c == '_'; });
  return plain;
}

std::vector<std::filesystem::path> split_candidates(const Task& task, std::string_view split,
                                                    const std::filesystem::path& data) {
  const auto found = task.splits.find(std::string(split));
  if (found == task.splits.end()) {
    std::vector<std::string_view> names;
    for (const auto& [name, spec] : task.splits) names.push_back(name);
    fail_usage("data", "task '{}' has no split '{}'{}; it has {}", task.name, split, did_you_mean(split, names),
               quoted_list(names));
  }
  std::vector<std::filesystem::path> candidates;
  for (std::string_view rest = found->second.file; !rest.empty();) {
    const std::string_view file = rest.substr(0, rest.find('|'));
    rest.remove_prefix(std::min(file.size() + 1, rest.size()));
    candidates.push_back(data / file);
    if (!task.folder.empty()) candidates.push_back(data / task.folder / file);
  }
  return candidates;
}

}  // namespace

std::span<const Task> task_table() {
  static const std::vector<Task> table = make_table();
  return table;
}

const Task& find_task(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Task& task : task_table()) {
    if (task.name == plain_name(name)) return task;
    names.push_back(task.name);
  }
  fail_usage("task", "unknown task '{}'{}; nxm knows {}. Describe your own in a recipe's [task]", name,
             did_you_mean(name, names), quoted_list(names));
}

std::string_view file_word(const Task& task, size_t id) {
  const std::string& label = task.labels.at(id);
  for (const auto& [word, meaning] : task.label_aliases) {
    if (meaning == label) return word;
  }
  return label;
}

std::optional<std::filesystem::path> find_split(const Task& task, std::string_view split,
                                                const std::filesystem::path& data) {
  for (const auto& candidate : split_candidates(task, split, data)) {
    std::error_code ignored;
    if (std::filesystem::exists(candidate, ignored)) return candidate;
  }
  return std::nullopt;
}

std::filesystem::path split_path(const Task& task, std::string_view split, const std::filesystem::path& data) {
  if (const auto path = find_split(task, split, data)) return *path;
  std::string tried;
  for (const auto& candidate : split_candidates(task, split, data)) tried += fmt::format("\n  {}", candidate.string());
  fail("data", "task '{}' has no file for split '{}'; looked for{}\nGive the folder that holds it", task.name, split,
       tried);
}

}  // namespace nxm
