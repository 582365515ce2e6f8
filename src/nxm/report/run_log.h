// SPDX-License-Identifier: Apache-2.0
#pragma once
// run.jsonl: one JSON object a line, and nothing in it that depends on the clock, so that a resumed run writes the same
// bytes as one that was never stopped.

#include <cstdint>
#include <filesystem>

#include "nxm/io/json_fields.h"

namespace nxm {

class RunLog {
 public:
  /// Opens for appending after the first `keep_bytes` bytes; what follows them is cut off (lines written after the
  /// checkpoint that is resumed). keep_bytes 0 starts a new log. Error if the file is shorter.
  RunLog(const std::filesystem::path& path, uint64_t keep_bytes);
  ~RunLog();
  RunLog(const RunLog&) = delete;
  RunLog& operator=(const RunLog&) = delete;

  void write(const OrderedJson& line);  ///< as json_text() has it: floats read back exactly
  void sync();                          ///< fsync
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
};

}  // namespace nxm
