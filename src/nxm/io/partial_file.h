// SPDX-License-Identifier: Apache-2.0
#pragma once
// A file that grows across runs until it is whole. What it holds is never trusted before it is checked.

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace nxm {

class PartialFile {
 public:
  /// Opens for appending; makes the file if need be. Throws Error for anything but a regular file.
  explicit PartialFile(std::filesystem::path path);
  ~PartialFile();
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  [[nodiscard]] uint64_t size() const { return size_; }
  void append(std::string_view bytes);
  void truncate();  ///< to nothing
  void sync();      ///< fsync
  void remove();    ///< the name; no error if it is gone

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace nxm
