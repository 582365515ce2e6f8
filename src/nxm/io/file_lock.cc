// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "nxm/io/input_file.h"

namespace nxm {
namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(100);
constexpr mode_t kMode = 0664;  // users who share a cache wait for one another

// Somebody may have removed the file between our open and our lock; then the lock guards nothing.
bool has_name(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && status.st_nlink > 0;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, const std::function<void()>& waiting) {
  for (bool told = false;;) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, kMode);
    if (fd_ < 0) fail_errno(path, "open", errno);
    bool held = false;
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
      if (has_name(fd_)) return;
    } else if (errno != EWOULDBLOCK && errno != EINTR) {
      const int error = errno;
      ::close(fd_);
      fail_errno(path, "lock", error);
    } else {
      held = true;
    }
    ::close(fd_);
    if (held && !std::exchange(told, true) && waiting) waiting();
    std::this_thread::sleep_for(kPollInterval);
  }
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace nxm
