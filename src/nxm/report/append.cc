// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/append.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/input_file.h"

namespace nxm {

int open_append(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd < 0) fail_errno(path, "open it for writing", errno);
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    fail(path.string(), "is not a regular file; move it away");
  }
  try {
    sync_folder(path.has_parent_path() ? path.parent_path() : ".");
  } catch (...) {
    ::close(fd);
    throw;
  }
  return fd;
}

void append(int fd, const std::filesystem::path& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path, "write to it", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void sync_append(int fd, const std::filesystem::path& path) {
  if (::fsync(fd) != 0) fail_errno(path, "make it last (fsync)", errno);
}

}  // namespace nxm
