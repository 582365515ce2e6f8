// SPDX-License-Identifier: Apache-2.0
#pragma once
// Rows of text and label from TSV (GLUE's: no quoting), CSV (RFC 4180) and JSONL files.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/data/task.h"

namespace nxm {

struct Example {
  std::string a{};
  std::optional<std::string> b{};
  float label = 0;  ///< class id, or the value; 0 where the split has no labels
};

struct Examples {
  std::vector<Example> rows{};
  bool labelled = false;
  int64_t skipped = 0;  ///< short rows that SplitSpec::skip_short_rows left out
  std::filesystem::path path{};
};

/// Reads a split. A byte order mark, CRLF and a missing last newline are accepted.
/// Throws Error "file:line: …" for a row of the wrong width, a label outside the task (with the labels there are), a
/// number that is not finite or out of range, invalid UTF-8, an empty file, a missing column (with the header's names).
Examples read_split(const Task& task, std::string_view split, const std::filesystem::path& data);

/// The same from memory; `where` names the source in errors. The fuzz target drives this.
Examples parse_examples(std::string_view content, const Task& task, const SplitSpec& spec, std::string_view where);

/// The label's id or value for a word in a file or a request. Throws Error(where).
float parse_label(const Task& task, std::string_view word, std::string_view where);

}  // namespace nxm
