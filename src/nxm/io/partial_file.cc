// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"

namespace nxm {

PartialFile::PartialFile(std::filesystem::path path) : path_(std::move(path)) {
  constexpr mode_t kMode = 0666;  // less what the umask takes away
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kMode);
  if (fd_ < 0) fail_errno(path_, "open it for writing", errno);
  struct stat status {};
  if (::fstat(fd_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd_);
    fail(path_.string(), "expected a regular file to write to. Remove what is there");
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

PartialFile::~PartialFile() { ::close(fd_); }

void PartialFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_errno(path_, "write", errno);
    bytes.remove_prefix(static_cast<size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
}

void PartialFile::truncate() {
  if (::ftruncate(fd_, 0) != 0) fail_errno(path_, "truncate", errno);
  size_ = 0;
}

void PartialFile::sync() {
  if (::fsync(fd_) != 0) fail_errno(path_, "write (fsync)", errno);
}

void PartialFile::remove() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

}  // namespace nxm
