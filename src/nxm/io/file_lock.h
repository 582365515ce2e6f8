// SPDX-License-Identifier: Apache-2.0
#pragma once
// A lock between processes.

#include <filesystem>
#include <functional>

namespace nxm {

/// An exclusive flock on a file, made if need be with mode 0664, as huggingface_hub's locks are. Waits for another
/// holder, after calling `waiting` once; what that throws ends the wait. Throws Error if the file cannot be opened or
/// locked.
class FileLock {
 public:
  FileLock(const std::filesystem::path& path, const std::function<void()>& waiting);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace nxm
