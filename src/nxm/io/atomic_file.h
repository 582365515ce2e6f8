// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files that are either wholly there or not at all, also after a crash or a power cut.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "nxm/io/input_file.h"
#include "nxm/io/sha256.h"

namespace nxm {

/// Writes to a temporary beside `path` ("path.<process>.<number>.tmp"); commit() does fsync, rename and fsync of the
/// folder. Without commit() the destructor removes the temporary and `path` is as it was; only a killed process leaves
/// its temporary behind. Every failing system call is an Error with path and errno.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
};

void write_file(const std::filesystem::path& path, std::string_view text);  ///< AtomicFile in one call

/// fsync of a folder, so that renames inside it last.
void sync_folder(const std::filesystem::path& folder);

/// Renames `from` to `to` (same file system, `to` must not exist) and makes it last: fsync of the parent folder.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace nxm
