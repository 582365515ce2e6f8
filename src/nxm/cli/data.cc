// SPDX-License-Identifier: Apache-2.0
// `nxm data check`: what is odd about a task's data, before hours of training are spent on it.

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "nxm/cli/options.h"
#include "nxm/cli/verbs.h"
#include "nxm/data/check.h"
#include "nxm/io/json_fields.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

OrderedJson to_json(const SplitCheck& check, const Task& task) {
  OrderedJson json{{"split", check.split},
                   {"file", check.file},
                   {"rows", check.rows},
                   {"skipped", check.skipped},
                   {"empty", check.empty},
                   {"duplicates", check.duplicates},
                   {"conflicts", check.conflicts},
                   {"in_train", check.in_train},
                   {"truncated", check.truncated},
                   {"longest", check.longest},
                   {"mean_length", check.mean_length}};
  if (task.splits.at(check.split).label.empty()) return json;
  if (task.kind == TaskKind::kRegression) {
    json["label"] = {{"mean", check.label_mean}, {"min", check.label_min}, {"max", check.label_max}};
  } else {
    for (const std::string& label : task.labels) json["labels"][label] = check.labels.at(label);
  }
  return json;
}

/// "negative 50.6 %, positive 49.4 %", "0 to 5, mean 2.7", or "–" without labels.
std::string labels_text(const SplitCheck& check, const Task& task) {
  if (task.splits.at(check.split).label.empty()) return "–";
  if (task.kind == TaskKind::kRegression) {
    return fmt::format("{:g} to {:g}, mean {:.2f}", check.label_min, check.label_max, check.label_mean);
  }
  std::string text;
  for (const std::string& label : task.labels) {
    text += fmt::format("{}{} {:.1f} %", text.empty() ? "" : ", ", label,
                        100.0 * static_cast<double>(check.labels.at(label)) / static_cast<double>(check.rows));
  }
  return text;
}

std::string table(const std::vector<SplitCheck>& checks, const Task& task) {
  std::vector<std::vector<std::string>> rows{
      {"split", "rows", "empty", "duplicates", "in train", "truncated", "longest", "mean length", "labels"}};
  for (const SplitCheck& check : checks) {
    rows.push_back({check.split, fmt::format("{}", check.rows), fmt::format("{}", check.empty),
                    fmt::format("{}", check.duplicates), fmt::format("{}", check.in_train),
                    fmt::format("{}", check.truncated), fmt::format("{}", check.longest),
                    fmt::format("{:.1f}", check.mean_length), labels_text(check, task)});
  }
  return text_table(rows);
}

}  // namespace

void add_data(Verb app) {
  struct Flags {
    TaskOptions task;
    ModelOptions model;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  Verb data = app.add_group("data", "Look at a task's data");
  data.footer("Example:\n  nxm data check --task mrpc --data glue --model models/MiniLM-L6");
  Verb verb = data.add("check", "Counts, label balance, truncation, overlap between splits");
  flags->task.add_to(verb);
  flags->model.add_to(verb);
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "The model lends its tokenizer, so that lengths are those of training.\n\n"
      "Example:\n  nxm data check --task mrpc --data glue --model models/MiniLM-L6");
  verb.run([flags] {
    const TaskChoice choice = choose_task(flags->task, flags->model, "data check");
    const auto max_length = static_cast<size_t>(choice.max_length > 0 ? choice.max_length : kUsualLength);
    const auto checks = check_data(choice.task, choice.data, Tokenizer::load(choice.model), max_length);
    const auto lines = warnings(checks, max_length);
    if (flags->json) {
      OrderedJson json{{"task", choice.task.name}, {"max_length", max_length}, {"splits", OrderedJson::array()}};
      for (const SplitCheck& check : checks) json["splits"].push_back(to_json(check, choice.task));
      json["warnings"] = lines;
      fmt::print("{}\n", json.dump());
    } else {
      fmt::print("{}", table(checks, choice.task));
    }
    for (const std::string& line : lines) fmt::print(stderr, "{}\n", line);
  });
}

}  // namespace nxm::cli
