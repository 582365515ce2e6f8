// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/atomic_file.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "io/support.h"

namespace nxm {
namespace {

using testing::expect_error;
using testing::TempFolder;

// Runs `action` in another process; its exit status is 0 if `action` returned true.
int status_of_child(const std::function<bool()>& action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(action() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(AtomicFile, ReplacesOnlyOnCommit) {
  TempFolder folder;
  write_file(folder / "f", "old");
  {
    AtomicFile file(folder / "f");
    file.write("ne");
    EXPECT_EQ(read_file(folder / "f"), "old");
    EXPECT_EQ(folder.names().size(), 2U);
  }
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
  EXPECT_EQ(read_file(folder / "f"), "old");
  AtomicFile file(folder / "f");
  file.write("ne");
  file.write(std::as_bytes(std::span("w", 1)));
  file.commit();
  EXPECT_EQ(read_file(folder / "f"), "new");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
}

TEST(AtomicFile, RelativeNameAndUmask) {
  TempFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const mode_t mask = ::umask(027);
  write_file("f", "x");
  ::umask(mask);
  std::filesystem::current_path(before);
  EXPECT_EQ(std::filesystem::status(folder / "f").permissions(), std::filesystem::perms(0640));
}

TEST(AtomicFile, TwoWritersOfOneFileDoNotMix) {
  TempFolder folder;
  const auto writer = [&](char letter) {
    for (int i = 0; i < 20; ++i) write_file(folder / "f", std::string(100000, letter));
  };
  std::thread a(writer, 'a'), b(writer, 'b');
  a.join();
  b.join();
  const std::string text = read_file(folder / "f");
  EXPECT_EQ(text, std::string(100000, text[0]));
  EXPECT_EQ(folder.names().size(), 1U);
}

TEST(AtomicFile, NamesOfKilledWritersAreStepped) {
  TempFolder folder;
  const int status = status_of_child([&] {  // a child's numbers start where this process's stand: both orders are taken
    for (int i = 0; i < 50; ++i) {
      const std::string name = fmt::format("f.{}.{}.tmp", ::getpid(), i);
      if (::creat((folder / name).c_str(), 0600) < 0) return false;
    }
    write_file(folder / "f", "x");
    return read_file(folder / "f") == "x";
  });
  EXPECT_EQ(status, 0);
}

TEST(AtomicFile, ErrorsNameThePath) {
  TempFolder folder;
  expect_error([&] { write_file(folder / "no/f", "x"); }, {"no/f]", "cannot write it", "No such file"});
  std::filesystem::create_directory(folder / "d");
  expect_error([&] { write_file(folder / "d", "x"); }, {"/d]", "put the new file in its place"});
  EXPECT_EQ(folder.names(), std::vector<std::string>{"d"});
  EXPECT_EQ(status_of_child([&] {  // a closed descriptor under the object stands for an EIO of fsync and write
              AtomicFile file(folder / "f");
              for (int fd = 3; fd < 20; ++fd) ::close(fd);
              expect_error([&] { file.write("x"); }, {"cannot write it", "Bad file descriptor"});
              expect_error([&] { file.commit(); }, {"fsync", "Bad file descriptor"});
              return !::testing::Test::HasFailure();
            }),
            0);
}

TEST(AtomicFile, SizeLimitLeavesTheOldFile) {
  TempFolder folder;
  write_file(folder / "f", "old");
  EXPECT_EQ(status_of_child([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit = {100000, 100000};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
              expect_error([&] { write_file(folder / "f", std::string(300000, 'n')); }, {"/f]", "File too large"});
              return !::testing::Test::HasFailure();
            }),
            0);
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
}

TEST(AtomicFile, FullDiskLeavesTheOldFile) {
  TempFolder folder;
  if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    GTEST_SKIP() << "mounting a small tmpfs needs root";
  }
  write_file(folder / "f", "old");
  expect_error([&] { write_file(folder / "f", std::string(1000000, 'n')); }, {"/f]", "No space left"});
  EXPECT_EQ(read_file(folder / "f"), "old");
  EXPECT_EQ(folder.names(), std::vector<std::string>{"f"});
  write_file(folder / "f", "new");  // the room is free again
  EXPECT_EQ(read_file(folder / "f"), "new");
  ::umount(folder.path().c_str());
}

TEST(AtomicFile, KilledAtAnyMomentLeavesOneWholeVersion) {
  TempFolder folder;
  const auto version = [](int i) { return std::string(200000, static_cast<char>('a' + i % 26)); };
  write_file(folder / "f", version(0));
  unsigned delay = 0;
  for (int round = 0; round < 60; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      for (int i = round;; ++i) write_file(folder / "f", version(i));
    }
    ::usleep(delay = (delay * 7919 + 613) % 9000);  // anywhere inside the first few writes
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
    const std::string text = read_file(folder / "f");
    ASSERT_EQ(text, std::string(200000, text[0])) << "round " << round;
  }
}

TEST(SyncFolder, Errors) {
  TempFolder folder;
  EXPECT_NO_THROW(sync_folder(folder.path()));
  expect_error([&] { sync_folder(folder / "absent"); }, {"absent]", "cannot open the folder"});
  write_file(folder / "f", "x");
  expect_error([&] { sync_folder(folder / "f"); }, {"Not a directory"});
}

TEST(RenameDurably, MovesAndNeverReplaces) {
  TempFolder folder;
  std::filesystem::create_directory(folder / "a");
  write_file(folder / "a/f", "x");
  rename_durably(folder / "a", folder / "b");
  EXPECT_EQ(read_file(folder / "b/f"), "x");
  rename_durably(folder / "b/f", folder / "g");
  EXPECT_EQ(read_file(folder / "g"), "x");
  std::filesystem::create_directory(folder / "empty");
  expect_error([&] { rename_durably(folder / "b", folder / "empty"); }, {"/empty]", "/b'", "File exists"});
  expect_error([&] { rename_durably(folder / "absent", folder / "c"); }, {"/c]", "/absent'", "No such file"});
  write_file(folder / "h", "y");
  expect_error([&] { rename_durably(folder / "h", folder / "g"); }, {"File exists"});
  EXPECT_EQ(read_file(folder / "g"), "x");
}

}  // namespace
}  // namespace nxm
