// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory that is free for new processes. For the processors see thread_pool.h.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace nxm {

/// Bytes that may be taken now: the smallest of the machine's MemAvailable and of what the limits of the control groups
/// leave (their cache that can be dropped counts as free). nullopt where the system says nothing. The paths are
/// /proc/meminfo, /proc/self/cgroup and /sys/fs/cgroup (version 1 or 2).
std::optional<uint64_t> available_memory(const std::filesystem::path& meminfo = "/proc/meminfo",
                                         const std::filesystem::path& membership = "/proc/self/cgroup",
                                         const std::filesystem::path& root = "/sys/fs/cgroup");

/// Bytes of a process that are in RAM; 0 where the system does not say.
uint64_t resident_memory(pid_t process);

}  // namespace nxm
