// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "nxm/core/error.h"

namespace nxm {
namespace {

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

void fail_errno(const std::filesystem::path& path, std::string_view what, int error) {
  fail(path.string(), "cannot {}: {}", what, std::generic_category().message(error));
}

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a FIFO that nobody writes to must not wait. It changes nothing for regular files.
  fd_ = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  const int error = errno;
  struct stat status = {};
  if (fd_ < 0) {
    const bool seen =
        ::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode);  // a socket cannot even be opened
    if (!seen) fail_errno(path_, "open it for reading", error);
  } else if (::fstat(fd_, &status) != 0) {
    const int stat_error = errno;
    ::close(fd_);
    fail_errno(path_, "ask for its size", stat_error);
  }
  if (!S_ISREG(status.st_mode)) {
    if (fd_ >= 0) ::close(fd_);
    fail(path_.string(), "expected a regular file, found {}. Give the path of a file", kind_of(status.st_mode));
  }
  bytes_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), bytes_(other.bytes_) {}

void InputFile::read_at(uint64_t offset, std::span<std::byte> out) const {
  for (size_t done = 0; done < out.size();) {
    const ssize_t n = ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path_, "read it", errno);
    if (n == 0) {
      fail(path_.string(),
           "expected {} bytes from byte {} on, but the file ends at byte {}. It was truncated; fetch it again",
           out.size(), offset, offset + done);
    }
    done += static_cast<size_t>(n);
  }
}

InputFile InputFile::duplicate() const {
  const int fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) fail_errno(path_, "open it once more", errno);
  return {path_, fd, bytes_};
}

std::string read_file(const std::filesystem::path& path, size_t limit) {
  const InputFile file(path);
  if (file.bytes() > limit) {
    fail(path.string(), "expected at most {} bytes, found {}. This is not the file that was meant", limit,
         file.bytes());
  }
  std::string text(file.bytes(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace nxm
