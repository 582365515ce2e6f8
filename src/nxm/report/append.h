// SPDX-License-Identifier: Apache-2.0
#pragma once
// Files that grow while a run goes on: the run log and TensorBoard's events. For files that are written once see
// io/atomic_file.h.

#include <filesystem>
#include <string_view>

namespace nxm {

/// A descriptor that appends to the regular file `path`, made if need be, with its name on disk. Throws Error, without
/// waiting on a FIFO.
int open_append(const std::filesystem::path& path);
/// All of `bytes`. Throws Error.
void append(int fd, const std::filesystem::path& path, std::string_view bytes);
/// fsync. Throws Error.
void sync_append(int fd, const std::filesystem::path& path);

}  // namespace nxm
