// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/cpu_quota.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace nxm {
namespace {

namespace fs = std::filesystem;

/// A made-up /proc/self/cgroup and /sys/fs/cgroup.
class CpuQuota : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "nxm_cgroup_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << text;
  }
  std::optional<double> quota() { return cgroup_quota(folder_ / "self", folder_ / "root"); }

  fs::path folder_;
};

TEST_F(CpuQuota, NoneWithoutGroups) {
  EXPECT_EQ(quota(), std::nullopt);
  write("self", "0::/\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("root/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, Version2TakesTheSmallestUpToTheTop) {
  write("self", "0::/user.slice/job\n");
  write("root/user.slice/job/cpu.max", "400000 100000\n");
  EXPECT_EQ(quota(), 4.0);
  write("root/user.slice/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("root/cpu.max", "20000 50000\n");
  EXPECT_EQ(quota(), 0.4);
  write("root/user.slice/job/cpu.max", "10000 100000\n");
  EXPECT_EQ(quota(), 0.1);
}

TEST_F(CpuQuota, InAContainerThePathMayBeTheHosts) {
  write("root/cpu.max", "300000 100000\n");
  write("self", "0::/docker/0123456789abcdef\n");
  EXPECT_EQ(quota(), 3.0);
  write("self", "0::/../../elsewhere\n");
  EXPECT_EQ(quota(), 3.0);
  write("self", "0::/\n");
  EXPECT_EQ(quota(), 3.0);
}

TEST_F(CpuQuota, Version1FindsItsControllerAmongOthers) {
  write("self", "12:memory:/a\n4:cpu,cpuacct:/a/b\n3:cpuset:/c\n1:name=systemd:/d\n");
  write("root/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  write("root/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("root/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
  write("root/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 2.5);
  // Mounted under another name; groups of other controllers do not count.
  write("root/cpu/a/b/cpu.cfs_quota_us", "50000\n");
  write("root/cpu/a/b/cpu.cfs_period_us", "100000\n");
  write("root/cpuset/c/cpu.cfs_quota_us", "100\n");
  write("root/cpuset/c/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuota, NonsenseSetsNoLimit) {
  for (const char* self : {"", "\n\n", "garbage", "0:", "0::", "::::", "1:cpu"}) {
    write("self", self);
    for (const char* max : {"", "max", "x y", "0 100000", "-5 100000", "100000 0", "100000", "nan 1"}) {
      write("root/cpu.max", max);
      EXPECT_EQ(quota(), std::nullopt) << self << " / " << max;
    }
  }
  fs::remove(folder_ / "root/cpu.max");
  fs::create_directory(folder_ / "root/cpu.max");
  write("self", "0::/\n");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST(Affinity, FollowsTheMaskOfTheThread) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(affinity_count(), CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &before) && CPU_COUNT(&one) == 0) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(affinity_count(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

}  // namespace
}  // namespace nxm
