// SPDX-License-Identifier: Apache-2.0
#pragma once
// Texts to be answered, one a line, read as they come and never held together. Not files of labelled examples
// (reader.h).

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "nxm/data/reader.h"

namespace nxm {

/// A line is a text, or two with a tab between them. If the first line begins with '{', all are JSON objects:
/// {"text": …} or {"text": …, "text_pair": …}, and blank ones are left out. CRLF and a byte order mark are accepted,
/// invalid UTF-8 in plain lines too (the tokenizer reads U+FFFD). Memory: one line.
class Requests {
 public:
  /// `input` stays the caller's; `where` names it in errors. `pair`: a line with one text is an error.
  Requests(std::FILE* input, std::string where, bool pair);

  /// None at the end. Throws Error("where:line") for a line above kMaxRecord, a second tab, a missing second text, JSON
  /// that is not such an object, and a failed read.
  std::optional<Example> next();
  [[nodiscard]] std::string place() const;  ///< "where:line" of the latest

 private:
  bool read_line();
  Example parse_line() const;
  Example parse_json_line() const;

  std::FILE* input_;
  std::string where_;
  bool pair_;
  std::optional<bool> json_;  // decided by the first line
  std::string line_;
  int64_t number_ = 0;
};

}  // namespace nxm
