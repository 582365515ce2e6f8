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

/// Longest record accepted: no text of 1 MiB is one example, but a file of another kind may be one endless line. It
/// also bounds the memory for a record's columns.
inline constexpr size_t kMaxRecord = size_t{1} << 20;

/// What some programs put before UTF-8.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

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
