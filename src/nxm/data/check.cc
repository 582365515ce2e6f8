// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/check.h"

#include <algorithm>
#include <unordered_map>

#include "nxm/core/error.h"

namespace nxm {
namespace {

// Shares above (or below) which a line is worth a user's time.
constexpr double kManyTruncated = 0.05;
constexpr double kRareLabel = 0.01;

using LabelOfTexts = std::unordered_map<std::string, float>;  // each text (or pair) with the label of its first row

std::string texts_of(const Example& example) {
  return example.b ? fmt::format("{}\t{}", example.a, *example.b) : example.a;
}

bool blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

void count_labels(const Task& task, const Examples& examples, SplitCheck& check) {
  if (task.kind == TaskKind::kClassification) {
    for (const std::string& label : task.labels) check.labels[label] = 0;
    for (const Example& row : examples.rows) ++check.labels[task.labels[static_cast<size_t>(row.label)]];
    return;
  }
  check.label_min = check.label_max = examples.rows.front().label;
  double sum = 0;
  for (const Example& row : examples.rows) {
    sum += row.label;
    check.label_min = std::min<double>(check.label_min, row.label);
    check.label_max = std::max<double>(check.label_max, row.label);
  }
  check.label_mean = sum / static_cast<double>(examples.rows.size());
}

void count_lengths(const Dataset& whole, size_t max_length, SplitCheck& check) {
  for (int64_t i = 0; i < whole.size(); ++i) {
    check.longest = std::max(check.longest, whole.length(i));
    check.truncated += max_length > 0 && whole.length(i) > static_cast<int64_t>(max_length);
  }
  check.mean_length = static_cast<double>(whole.ids.size()) / static_cast<double>(whole.size());
}

/// Counts empty, repeated and train's rows; returns the split's texts.
LabelOfTexts count_rows(const Examples& examples, const LabelOfTexts& train, SplitCheck& check) {
  LabelOfTexts seen;
  for (const Example& row : examples.rows) {
    const std::string texts = texts_of(row);
    check.empty += blank(row.a) || (row.b && blank(*row.b));
    check.in_train += train.contains(texts);
    const auto [first, is_new] = seen.emplace(texts, row.label);
    check.duplicates += !is_new;
    check.conflicts += !is_new && examples.labelled && first->second != row.label;
  }
  return seen;
}

double percent(int64_t part, int64_t whole) { return 100.0 * static_cast<double>(part) / static_cast<double>(whole); }

}  // namespace

std::vector<SplitCheck> check_data(const Task& task, const std::filesystem::path& data, const Tokenizer& tokenizer,
                                   size_t max_length) {
  std::vector<std::string> splits{"train"};  // first: the others are held against it
  for (const auto& [name, spec] : task.splits) {
    if (name != "train") splits.push_back(name);
  }
  std::vector<SplitCheck> checks;
  LabelOfTexts train;
  for (const std::string& split : splits) {
    if (!task.splits.contains(split) || !find_split(task, split, data)) continue;
    const Examples examples = read_split(task, split, data);
    SplitCheck check;
    check.split = split;
    check.file = examples.path.string();
    check.rows = static_cast<int64_t>(examples.rows.size());
    check.skipped = examples.skipped;
    auto texts = count_rows(examples, train, check);
    if (examples.labelled) count_labels(task, examples, check);
    count_lengths(tokenize(examples, tokenizer, 0), max_length, check);
    checks.push_back(std::move(check));
    if (split == "train") train = std::move(texts);
  }
  if (checks.empty()) split_path(task, "train", data);  // throws, with the places tried
  return checks;
}

std::vector<std::string> warnings(const std::vector<SplitCheck>& checks, size_t max_length) {
  std::vector<std::string> lines;
  for (const SplitCheck& check : checks) {
    const auto warn = [&](int64_t rows, std::string_view what) {
      lines.push_back(fmt::format("{}: {} of {} rows ({:.1f} %) {}", check.split, rows, check.rows,
                                  percent(rows, check.rows), what));
    };
    if (percent(check.truncated, check.rows) > 100 * kManyTruncated) {
      warn(check.truncated,
           fmt::format("are longer than max_length = {} and lose tokens (longest: {})", max_length, check.longest));
    }
    if (check.in_train > 0) warn(check.in_train, "also stand in train");
    if (check.conflicts > 0) warn(check.conflicts, "repeat an earlier row with another label");
    if (check.empty > 0) warn(check.empty, "have an empty text");
    if (check.skipped > 0) {
      lines.push_back(fmt::format("{}: {} rows with too few columns are left out", check.split, check.skipped));
    }
    for (const auto& [label, rows] : check.labels) {
      if (percent(rows, check.rows) < 100 * kRareLabel) warn(rows, fmt::format("have the label '{}'", label));
    }
  }
  return lines;
}

}  // namespace nxm
