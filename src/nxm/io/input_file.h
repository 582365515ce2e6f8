// SPDX-License-Identifier: Apache-2.0
#pragma once
// A regular file opened for reading. What read_at() meets, a file that shrinks among it, is an Error, not a signal.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace nxm {

class InputFile {
 public:
  /// Opens without waiting: a FIFO, socket, device or folder is an Error that says which.
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Size when it was opened.
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  /// Fills `out` with the bytes from `offset` on; throws Error if the file ends before. Safe to call concurrently.
  void read_at(uint64_t offset, std::span<std::byte> out) const;
  /// The same file, open once more.
  [[nodiscard]] InputFile duplicate() const;

 private:
  InputFile(std::filesystem::path path, int fd, uint64_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
};

/// The whole of a regular file; more than `limit` bytes are an Error before anything is allocated.
std::string read_file(const std::filesystem::path& path, size_t limit = size_t{1} << 30);

/// throw Error(path, "cannot <what>: <text of `error`>"), for a system call that set `error`.
[[noreturn]] void fail_errno(const std::filesystem::path& path, std::string_view what, int error);

}  // namespace nxm
