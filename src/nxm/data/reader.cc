// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/data/records.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/json_fields.h"

namespace nxm {
namespace {

std::optional<double> parse_number(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(static_cast<float>(value))) return {};
  return value;
}

/// Where a split's columns are in its rows.
struct Columns {
  std::vector<size_t> text;
  std::optional<size_t> label;
  size_t width = 0;
};

size_t find_column(const std::string& column, const SplitSpec& spec, const std::vector<std::string>& first,
                   const std::string& place) {
  if (!spec.header) {
    size_t index = 0;
    const auto [end, error] = std::from_chars(column.data(), column.data() + column.size(), index);
    if (error != std::errc() || end != column.data() + column.size() || index >= first.size()) {
      fail(place, "column '{}': the file has no header, expected a number from 0 to {}", column, first.size() - 1);
    }
    return index;
  }
  const auto found = std::find(first.begin(), first.end(), column);
  if (found == first.end()) {
    const std::vector<std::string_view> names(first.begin(), first.end());
    const bool number = !column.empty() && column.find_first_not_of("0123456789") == std::string::npos;
    fail(place, "no column '{}' in the header{}; there are {}{}", column, did_you_mean(column, names),
         quoted_list(names), number ? ". Columns have numbers where the file has no header: header = false" : "");
  }
  if (std::find(found + 1, first.end(), column) != first.end()) {
    fail(place, "the header names column '{}' twice; rename one of them", column);
  }
  return static_cast<size_t>(found - first.begin());
}

/// A JSON value as the word that a text file would hold.
std::string json_word(const JsonFields& row, const std::string& key) {
  if (!row.has(key)) row.reject(key, "is missing; every line needs a label");
  const Json& value = row.raw()[key];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  row.reject(key, "expected a string, number or boolean for the label");
}

/// Appends one example from its columns: `text(i)` the i-th text, `label()` the label's word.
template <typename Text, typename Label>
void append(Examples& out, const Task& task, const SplitSpec& spec, const std::string& place, Text text, Label label) {
  Example example{.a = text(0)};
  if (spec.text.size() > 1) example.b = text(1);
  if (out.labelled) example.label = parse_label(task, label(), place);
  out.rows.push_back(std::move(example));
}

void read_jsonl(Records& records, const Task& task, const SplitSpec& spec, Examples& out) {
  while (records.next()) {
    const std::string& line = records.fields()[0];
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const std::string place = records.place();
    const Json value = parse_json(line, place);
    const JsonFields row(value, place);
    append(
        out, task, spec, place, [&](size_t i) { return row.string(spec.text[i]); },
        [&] { return json_word(row, spec.label); });
  }
}

void read_table(Records& records, const Task& task, const SplitSpec& spec, Examples& out) {
  bool more = records.next();
  if (!more) return;
  Columns columns;
  columns.width = records.fields().size();
  for (const std::string& name : spec.text) {
    columns.text.push_back(find_column(name, spec, records.fields(), records.place()));
  }
  if (out.labelled) columns.label = find_column(spec.label, spec, records.fields(), records.place());
  for (more = !spec.header || records.next(); more; more = records.next()) {
    const auto& fields = records.fields();
    if (records.blank() && columns.width > 1) continue;
    if (fields.size() < columns.width && spec.skip_short_rows) {
      ++out.skipped;
      continue;
    }
    if (fields.size() != columns.width) {
      fail(records.place(), "expected {} columns as in the first line, found {}{}", columns.width, fields.size(),
           task.format == FileFormat::kTsv ? "; columns are separated by tabs, quotes are plain text" : "");
    }
    append(
        out, task, spec, records.place(), [&](size_t i) { return fields[columns.text[i]]; },
        [&] { return std::string_view(fields[*columns.label]); });
  }
}

}  // namespace

float parse_label(const Task& task, std::string_view word, std::string_view where) {
  if (task.kind == TaskKind::kRegression) {
    const auto value = parse_number(word);
    if (!value) fail(where, "expected a finite number for the label, found '{}'", word);
    if (task.min_label < task.max_label && (*value < task.min_label || *value > task.max_label)) {
      fail(where, "label {} is outside the task's range, {} to {}", word, task.min_label, task.max_label);
    }
    return static_cast<float>(*value);
  }
  const auto alias = task.label_aliases.find(std::string(word));
  const std::string_view name = alias == task.label_aliases.end() ? word : std::string_view(alias->second);
  const auto found = std::find(task.labels.begin(), task.labels.end(), name);
  if (found != task.labels.end()) return static_cast<float>(found - task.labels.begin());
  std::vector<std::string_view> words(task.labels.begin(), task.labels.end());
  for (const auto& [key, meaning] : task.label_aliases) words.push_back(key);
  fail(where, "label '{}' is not one of the task's{}; they are {}", word, did_you_mean(word, words),
       quoted_list(words));
}

Examples parse_examples(std::string_view content, const Task& task, const SplitSpec& spec, std::string_view where) {
  require(spec.text.size() == 1 || spec.text.size() == 2, "parse_examples: one or two text columns");
  Examples out{.labelled = !spec.label.empty()};
  Records records(content, task.format, where);
  if (task.format == FileFormat::kJsonl) {
    read_jsonl(records, task, spec, out);
  } else {
    read_table(records, task, spec, out);
  }
  if (out.rows.empty()) {
    fail(where, "no rows{}; expected one example a line", content.empty() ? ": the file is empty" : "");
  }
  return out;
}

Examples read_split(const Task& task, std::string_view split, const std::filesystem::path& data) {
  const auto path = split_path(task, split, data);
  Examples out = parse_examples(read_file(path), task, task.splits.at(std::string(split)), path.string());
  out.path = path;
  return out;
}

}  // namespace nxm
