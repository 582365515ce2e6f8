// SPDX-License-Identifier: Apache-2.0
// For test_reader_oracle.py: prints a split's rows as JSON lines [a, b or null, label].
//   nxm_reader_tool TASK SPLIT FOLDER          a task of the table
//   nxm_reader_tool tsv|csv|jsonl FILE COLUMN… the columns of a file, the last one a label "no" or "yes"

#include <iostream>

#include "nxm/data/reader.h"
#include "nxm/io/json_fields.h"

namespace {

nxm::Examples read(const std::vector<std::string>& words) {
  using nxm::FileFormat;
  const std::map<std::string, FileFormat> formats{
      {"tsv", FileFormat::kTsv}, {"csv", FileFormat::kCsv}, {"jsonl", FileFormat::kJsonl}};
  const auto format = formats.find(words.at(0));
  if (format == formats.end()) return nxm::read_split(nxm::find_task(words[0]), words.at(1), words.at(2));
  nxm::Task task{.name = "user", .labels = {"no", "yes"}};
  task.format = format->second;
  task.splits["dev"] = {.file = words.at(1), .text = {words.begin() + 2, words.end() - 1}, .label = words.back()};
  return nxm::read_split(task, "dev", ".");
}

}  // namespace

int main(int argc, char** argv) {
  for (const nxm::Example& row : read({argv + 1, argv + argc}).rows) {
    std::cout << nxm::Json{row.a, row.b ? nxm::Json(*row.b) : nxm::Json(), row.label} << '\n';
  }
}
