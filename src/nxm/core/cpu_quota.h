// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the kernel lets this process use of the machine's processors. Internal to core (thread_pool.h is the front).

#include <filesystem>
#include <optional>
#include <vector>

namespace nxm {

/// The processors in the calling thread's affinity mask, ascending; none if the kernel does not say.
std::vector<int> affinity_processors();
/// Their number, at least 1.
int affinity_count();

/// The smallest CPU quota, in processors, of the control groups that hold this process and of their parents; nullopt
/// without one. `membership` is /proc/self/cgroup, `root` is /sys/fs/cgroup (version 1 or 2). Files that are absent or
/// unreadable set no limit.
std::optional<double> cgroup_quota(const std::filesystem::path& membership, const std::filesystem::path& root);

}  // namespace nxm
