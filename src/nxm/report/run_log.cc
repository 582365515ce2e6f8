// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_log.h"

#include <unistd.h>

#include <cerrno>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"
#include "nxm/report/append.h"
#include "nxm/report/json_text.h"

namespace nxm {

RunLog::RunLog(const std::filesystem::path& path, uint64_t keep_bytes)
    : path_(path), fd_(open_append(path)), bytes_(keep_bytes) {
  try {
    const uint64_t size = std::filesystem::file_size(path);
    if (size < keep_bytes) {
      fail(path.string(),
           "has {} bytes, but the checkpoint was saved at {}: the log was cut or replaced. Start afresh with --force",
           size, keep_bytes);
    }
    if (::ftruncate(fd_, static_cast<off_t>(keep_bytes)) != 0)
      fail_errno(path, "cut it to the checkpoint's size", errno);
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

RunLog::~RunLog() { ::close(fd_); }

void RunLog::write(const OrderedJson& line) {
  const std::string text = json_text(line) + "\n";
  append(fd_, path_, text);
  bytes_ += text.size();
}

void RunLog::sync() { sync_append(fd_, path_); }

}  // namespace nxm
