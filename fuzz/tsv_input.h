// SPDX-License-Identifier: Apache-2.0
#pragma once
// Drives the readers of examples with any bytes: the first byte chooses format, columns and kind of task, the rest is
// the file. Shared by the fuzz target and the test that replays its corpus.

#include <cstdint>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/data/reader.h"

namespace nxm {

inline void read_fuzzed_examples(std::string_view input) {
  if (input.empty()) return;
  const auto choice = static_cast<uint8_t>(input[0]);
  Task task;
  task.name = "fuzz";
  task.format = static_cast<FileFormat>(choice % 3);
  task.kind = (choice & 4) != 0 ? TaskKind::kRegression : TaskKind::kClassification;
  task.labels = {"no", "yes"};
  task.label_aliases = {{"0", "no"}, {"1", "yes"}};
  task.max_label = (choice & 8) != 0 ? 5 : 0;
  SplitSpec spec;
  spec.header = (choice & 16) == 0 || task.format == FileFormat::kJsonl;
  if (spec.header) {
    spec.text = {"a", "b"};
  } else {
    spec.text = {"1"};
  }
  if ((choice & 32) == 0) spec.label.assign(1, spec.header ? 'y' : '0');
  spec.skip_short_rows = (choice & 64) != 0;
  try {
    const Examples examples = parse_examples(input.substr(1), task, spec, "fuzz");
    for (const Example& row : examples.rows) {
      require(row.b.has_value() == (spec.text.size() == 2), "a second text where the split has one");
      require(task.kind == TaskKind::kRegression || row.label == 0 || row.label == 1, "a label of the task");
    }
    require(!examples.rows.empty(), "no rows is an error");
  } catch (const Error&) {  // what bad input is for
  }
}

}  // namespace nxm
