// SPDX-License-Identifier: Apache-2.0
#pragma once
// The control groups that hold this process. Internal to core (cpu_quota.h and memory.h ask them for limits).

#include <filesystem>
#include <functional>
#include <string_view>

namespace nxm {

/// Calls visit(folder, v2) for the folder of each control group that holds this process and may limit `controller`
/// ("cpu", "memory"), and for its parents. `membership` is /proc/self/cgroup, `root` is /sys/fs/cgroup (version 1 or
/// 2). Folders need not exist: in a container the path may be the host's, and only the top folder is there.
void visit_control_groups(const std::filesystem::path& membership, const std::filesystem::path& root,
                          std::string_view controller,
                          const std::function<void(const std::filesystem::path& folder, bool v2)>& visit);

}  // namespace nxm
