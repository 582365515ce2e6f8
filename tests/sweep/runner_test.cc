// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/runner.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <sstream>

#include "nxm/io/input_file.h"
#include "nxm/sweep/child.h"
#include "sweep/support.h"

namespace nxm {
namespace {

using Lines = std::vector<std::string>;

Work script(const test::Folder& folder, const std::string& name, const std::string& text, uint64_t memory = 0) {
  return {name, {"/bin/sh", "-c", text}, folder.path / (name + ".log"), folder.path / (name + ".lock"), memory};
}

/// What happened, and the most that ran at a time.
struct Record {
  RunnerView view;
  std::map<size_t, WorkResult> ended;
  size_t most = 0, started = 0, stopping = 0, locked = 0, short_of_memory = 0;
  RunnerState last;

  Record() {
    view.tick = [this](const RunnerState& state) {
      most = std::max(most, state.running.size());
      last = state;
    };
    view.started = [this](size_t) { ++started; };
    view.ended = [this](size_t work, const WorkResult& result) { ended[work] = result; };
    view.stopping = [this](size_t running) { stopping += running; };
    view.locked = [this](size_t) { ++locked; };
    view.short_of_memory = [this](size_t, size_t) { ++short_of_memory; };
  }
};

int wait_for(Child& child) {
  for (;;) {
    if (const auto code = child.ended()) return *code;
    usleep(2000);
  }
}

TEST(Child, SaysHowItEnded) {
  const test::Folder folder;
  const fs::path log = folder.path / "log";
  const auto code = [&](const Lines& argv) {
    Child child(argv, log);
    return wait_for(child);
  };
  EXPECT_EQ(code({"/bin/sh", "-c", "echo out; echo err >&2; exit 3"}), 3);
  EXPECT_EQ(code({"/bin/sh", "-c", "kill -9 $$"}), 128 + SIGKILL);
  EXPECT_EQ(code({"/bin/sh", "-c", "cat; echo \"$0 $1\"", "a b", "$HOME"}), 0);  // stdin is empty; no shell in between
  EXPECT_EQ(read_file(log), "out\nerr\na b $HOME\n");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(Child, WhatCannotBeStarted) {
  const test::Folder folder;
  EXPECT_THROW(Child({(folder.path / "no").string()}, folder.path / "log"), Error);
  EXPECT_THROW(Child({"/bin/true"}, folder.path / "no" / "log"), Error);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
}

TEST(Child, InheritsNoDescriptorAndNoSignalSetting) {
  const test::Folder folder;
  const int open_one = ::open("/dev/null", O_RDONLY);  // not marked to be closed
  ::signal(SIGPIPE, SIG_IGN);
  Child child({"/bin/sh", "-c",
               "for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo leak $n; done; "
               "sed -En 's/^Sig(Ign|Blk):/0x/p' /proc/$$/status | tr -d '\\t'"},
              folder.path / "log");
  EXPECT_EQ(wait_for(child), 0);
  ::signal(SIGPIPE, SIG_DFL);
  ::close(open_one);
  // Signals 32 and 33 are the C library's own: what started this test may ignore them, and no program can undo that.
  constexpr uint64_t kOrdinary = 0x7fffffff;
  std::istringstream log(read_file(folder.path / "log"));
  for (const char* mask : {"ignored", "blocked"}) {
    std::string text;
    log >> text;
    ASSERT_TRUE(text.starts_with("0x")) << text;
    EXPECT_EQ(std::stoull(text, nullptr, 16) & kOrdinary, 0U) << mask << ": " << text;
  }
}

TEST(Child, IsEndedWithItsObject) {
  const test::Folder folder;
  pid_t id = 0;
  {
    const Child child({"/bin/sleep", "100"}, folder.path / "log");
    id = child.id();
    EXPECT_EQ(getpgid(id), id);
  }
  EXPECT_EQ(kill(id, 0), -1);
}

TEST(Child, DiesWithItsParent) {
  const test::Folder folder;
  const fs::path log = folder.path / "log";
  const pid_t parent = fork();
  if (parent == 0) {
    const Child child({"/bin/sh", "-c", "trap 'echo told; exit' TERM; echo ready; while :; do sleep 0.01; done"}, log);
    while (read_file(log).empty()) usleep(2000);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(parent, &status, 0);
  for (int i = 0; i < 1000 && read_file(log) != "ready\ntold\n"; ++i) usleep(5000);
  EXPECT_EQ(read_file(log), "ready\ntold\n");
}

TEST(Runner, RunsAllSomeAtATime) {
  const test::Folder folder;
  std::vector<Work> work;
  for (int i = 0; i < 7; ++i) work.push_back(script(folder, std::to_string(i), "sleep 0.2; echo " + std::to_string(i)));
  Record record;
  run_all(work, {3}, record.view);
  EXPECT_EQ(record.ended.size(), 7U);
  EXPECT_EQ(record.most, 3U);
  EXPECT_EQ(record.last.done, 7U);
  EXPECT_GT(record.last.mean_seconds, 0.1);
  EXPECT_EQ(read_file(folder.path / "6.log"), "6\n");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
  Record none;
  run_all({}, {3}, none.view);
  EXPECT_EQ(none.started, 0U);
}

TEST(Runner, AFailureStopsNoOther) {
  const test::Folder folder;
  write_file(folder.path / "a.log", "from before\n");
  const std::vector<Work> work{
      script(folder, "a", "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; echo last; exit 5"),
      script(folder, "b", "exit 1"), script(folder, "c", "true")};
  Record record;
  run_all(work, {1}, record.view);
  EXPECT_EQ(record.ended[0].exit_code, 5);
  EXPECT_LT(record.ended[0].tail.size(), 2000U);
  EXPECT_TRUE(record.ended[0].tail.starts_with("line ")) << record.ended[0].tail;
  EXPECT_TRUE(record.ended[0].tail.ends_with("line 499\nlast\n"));
  EXPECT_EQ(record.ended[1].tail, "");
  EXPECT_EQ(record.ended[2].exit_code, 0);
  EXPECT_EQ(record.last.failed, 2U);
}

TEST(Runner, TheTailIsOfThisStart) {
  const test::Folder folder;
  write_file(folder.path / "a.log", "from before\n");
  Record record;
  run_all(std::vector<Work>{script(folder, "a", "echo now; exit 1")}, {1}, record.view);
  EXPECT_EQ(record.ended[0].tail, "now\n");
}

TEST(Runner, AStopIsPassedOn) {
  const test::Folder folder;
  std::vector<Work> work;
  for (const char* name : {"a", "b", "c"}) {
    work.push_back(script(folder, name, "trap 'echo told; exit 130' INT; echo ready; while :; do sleep 0.01; done"));
  }
  Record record;
  const auto ready = [&](const char* name) {
    return fs::exists(folder.path / name) && read_file(folder.path / name).starts_with("ready");
  };
  run_all(work, {2, [&] { return ready("a.log") && ready("b.log") ? SIGINT : 0; }, {}}, record.view);
  EXPECT_EQ(record.started, 2U);
  EXPECT_EQ(record.stopping, 2U);
  EXPECT_EQ(record.ended[0].exit_code, 130);
  EXPECT_EQ(record.last.failed, 0U);
  EXPECT_EQ(read_file(folder.path / "a.log"), "ready\ntold\n");
  EXPECT_EQ(read_file(folder.path / "b.log"), "ready\ntold\n");
}

TEST(Runner, MemoryLimitsThem) {
  const test::Folder folder;
  std::vector<Work> work;
  for (int i = 0; i < 4; ++i) work.push_back(script(folder, std::to_string(i), "sleep 0.1", 1'000'000'000));
  Record record;
  run_all(work, {4, [] { return 0; }, [] { return uint64_t{2'500'000'000}; }}, record.view);
  EXPECT_EQ(record.most, 2U);
  EXPECT_EQ(record.short_of_memory, 1U);
  EXPECT_EQ(record.last.done, 4U);
  Record tight;  // one runs whatever the estimate says
  run_all(work, {4, [] { return 0; }, [] { return uint64_t{1}; }}, tight.view);
  EXPECT_EQ(tight.most, 1U);
  EXPECT_EQ(tight.last.done, 4U);
}

TEST(Runner, WaitsForALock) {
  const test::Folder folder;
  const std::vector<Work> work{script(folder, "a", "true"), script(folder, "b", "true")};
  const int lock = ::open(work[0].lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  Record record;
  auto ended = record.view.ended;
  std::vector<size_t> order;
  record.view.ended = [&](size_t index, const WorkResult& result) {
    order.push_back(index);
    ended(index, result);
    if (index == 1) flock(lock, LOCK_UN);
  };
  run_all(work, {2}, record.view);
  ::close(lock);
  EXPECT_EQ(order, (std::vector<size_t>{1, 0}));
  EXPECT_EQ(record.locked, 1U);
}

TEST(Runner, CannotStart) {
  const test::Folder folder;
  const std::vector<Work> work{script(folder, "a", "sleep 100"), {"b", {"/no/such"}, folder.path / "b.log", "", 0}};
  Record record;
  EXPECT_THROW(run_all(work, {2}, record.view), Error);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "the other one is still there";
}

}  // namespace
}  // namespace nxm
