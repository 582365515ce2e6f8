// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

#include "nxm/core/control_groups.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

std::optional<uint64_t> number_in(const fs::path& file) {
  uint64_t number = 0;
  if (!(std::ifstream(file) >> number)) return std::nullopt;  // also for "max"
  return number;
}

// The number after the word `name` at the beginning of a line.
std::optional<uint64_t> named_number(const fs::path& path, std::string_view name) {
  std::ifstream file(path);
  std::string word;
  for (uint64_t number = 0; file >> word; file.ignore(1 << 16, '\n')) {
    if (word == name && file >> number) return number;
  }
  return std::nullopt;
}

struct Names {
  const char *limit, *used, *cache;
};
constexpr Names kV2{"memory.max", "memory.current", "inactive_file"};
constexpr Names kV1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

std::optional<uint64_t> left_in_group(const fs::path& group, const Names& names) {
  const auto limit = number_in(group / names.limit);
  const auto used = number_in(group / names.used);
  if (!limit || !used) return std::nullopt;
  const uint64_t cache = std::min(*used, named_number(group / "memory.stat", names.cache).value_or(0));
  return *limit - std::min(*limit, *used - cache);
}

}  // namespace

std::optional<uint64_t> available_memory(const fs::path& meminfo, const fs::path& membership, const fs::path& root) {
  std::optional<uint64_t> smallest;
  if (const auto kib = named_number(meminfo, "MemAvailable:")) smallest = *kib * 1024;
  visit_control_groups(membership, root, "memory", [&](const fs::path& group, bool v2) {
    if (const auto left = left_in_group(group, v2 ? kV2 : kV1)) smallest = std::min(*left, smallest.value_or(*left));
  });
  return smallest;
}

uint64_t resident_memory(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/statm", process));
  uint64_t all = 0, resident = 0;  // pages
  return file >> all >> resident ? resident * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace nxm
