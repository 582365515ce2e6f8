// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/cpu_quota.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <vector>

#include "nxm/core/control_groups.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

/// Version 2: cpu.max holds "quota period" or "max period".
std::optional<double> quota_v2(const fs::path& folder) {
  double quota = 0;
  double period = 0;
  if (!(std::ifstream(folder / "cpu.max") >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

/// Version 1: a quota of -1 is none.
std::optional<double> quota_v1(const fs::path& folder) {
  double quota = 0;
  double period = 0;
  std::ifstream(folder / "cpu.cfs_quota_us") >> quota;
  std::ifstream(folder / "cpu.cfs_period_us") >> period;
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

}  // namespace

std::vector<int> affinity_processors() {
  std::vector<int> found;
  // A set that is too small for the machine is refused with EINVAL; 2^20 processors are more than Linux knows.
  for (size_t processors = 1024; processors <= 1U << 20; processors *= 2) {
    std::vector<cpu_set_t> set(processors / CPU_SETSIZE);
    const size_t bytes = set.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, set.data()) == 0) {
      for (size_t i = 0; i < processors; ++i) {
        if (CPU_ISSET_S(i, bytes, set.data())) found.push_back(static_cast<int>(i));
      }
      break;
    }
    if (errno != EINVAL) break;
  }
  return found;
}

int affinity_count() { return std::max(1, static_cast<int>(affinity_processors().size())); }

std::optional<double> cgroup_quota(const fs::path& membership, const fs::path& root) {
  std::optional<double> smallest;
  const auto limit = [&](std::optional<double> quota) {
    if (quota) smallest = std::min(*quota, smallest.value_or(*quota));
  };
  visit_control_groups(membership, root, "cpu",
                       [&](const fs::path& group, bool v2) { limit(v2 ? quota_v2(group) : quota_v1(group)); });
  return smallest;
}

}  // namespace nxm
