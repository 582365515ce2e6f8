// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace nxm {
namespace {

namespace fs = std::filesystem;

/// A made-up /proc/meminfo, /proc/self/cgroup and /sys/fs/cgroup.
class Memory : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "nxm_memory_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text;
  }
  std::optional<uint64_t> available() {
    return available_memory(folder_ / "meminfo", folder_ / "self", folder_ / "root");
  }

  fs::path folder_;
};

TEST_F(Memory, UnknownWithoutFiles) {
  EXPECT_EQ(available(), std::nullopt);
  write("meminfo", "MemTotal: 100 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(available(), std::nullopt);
}

TEST_F(Memory, TheMachines) {
  write("meminfo", "MemTotal:       100 kB\nMemFree:  1 kB\nMemAvailable:   50 kB\nBuffers: 3 kB\n");
  EXPECT_EQ(available(), 50U * 1024);
}

TEST_F(Memory, GroupsOfVersion2) {
  write("meminfo", "MemAvailable: 1000 kB\n");
  write("self", "0::/a/b\n");
  write("root/a/b/memory.max", "max\n");
  write("root/a/b/memory.current", "70000\n");
  EXPECT_EQ(available(), 1024000U);
  write("root/a/memory.max", "100000\n");
  write("root/a/memory.current", "70000\n");
  EXPECT_EQ(available(), 30000U);
  write("root/a/memory.stat", "anon 50000\nfile 20000\ninactive_file 15000\nactive_file 5000\n");
  EXPECT_EQ(available(), 45000U);  // 15000 can be dropped
  write("root/a/memory.current", "170000\n");
  EXPECT_EQ(available(), 0U);
}

TEST_F(Memory, GroupsOfVersion1) {
  write("meminfo", "MemAvailable: 1000 kB\n");
  write("self", "4:cpu,cpuacct:/x\n3:memory:/x\n");
  write("root/memory/x/memory.limit_in_bytes", "9223372036854771712\n");
  write("root/memory/x/memory.usage_in_bytes", "5\n");
  EXPECT_EQ(available(), 1024000U);
  write("root/memory/memory.limit_in_bytes", "5000\n");
  write("root/memory/memory.usage_in_bytes", "2000\n");
  write("root/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 500\n");
  EXPECT_EQ(available(), 3500U);
}

TEST_F(Memory, NonsenseSetsNoLimit) {
  write("meminfo", "MemAvailable: many kB\n");
  write("self", "::::\nx\n0::/\n");
  write("root/memory.max", "-\n");
  EXPECT_EQ(available(), std::nullopt);
}

TEST_F(Memory, OfThisMachineAndProcess) {
  EXPECT_GT(available_memory().value_or(1), 0U);
  EXPECT_GT(resident_memory(getpid()), 1U << 16);
  EXPECT_EQ(resident_memory(-5), 0U);
}

}  // namespace
}  // namespace nxm
