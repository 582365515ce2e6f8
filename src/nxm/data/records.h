// SPDX-License-Identifier: Apache-2.0
#pragma once
// A text file record by record: lines cut at tabs (TSV), RFC 4180 (CSV), or whole lines (JSONL). Not what the fields
// mean (reader.h).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/data/task.h"

namespace nxm {

/// Longest record accepted: no text of 4 MiB is one example, but a file of another kind is one endless line.
inline constexpr size_t kMaxRecord = size_t{4} << 20;

/// Throws Error(place) unless `text` is valid UTF-8.
void check_utf8(std::string_view text, std::string_view place);

/// `line` at each tab into `fields`, whose memory is reused. Quotes are plain characters.
void split_tabs(std::string_view line, std::vector<std::string>& fields);

class Records {
 public:
  /// `where` names the file in errors. A byte order mark is left out.
  Records(std::string_view content, FileFormat format, std::string_view where);

  /// The next record into fields(); false at the end. CRLF ends a line as LF does. Throws Error("where:line") for
  /// invalid UTF-8, a record above kMaxRecord, and for CSV an open quote or text behind a closing one.
  bool next();
  [[nodiscard]] const std::vector<std::string>& fields() const { return fields_; }
  [[nodiscard]] bool blank() const { return fields_.size() == 1 && fields_[0].empty(); }
  [[nodiscard]] std::string place() const;  ///< "where:line" of the record's first line

 private:
  void next_csv();
  std::string_view next_line();

  std::string_view rest_;
  FileFormat format_;
  std::string where_;
  std::vector<std::string> fields_;
  int64_t line_ = 0;       // of the current record
  int64_t next_line_ = 1;  // of the one after it
};

}  // namespace nxm
