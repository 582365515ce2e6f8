// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/runner.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <list>
#include <set>
#include <system_error>
#include <utility>

#include "nxm/core/memory.h"
#include "nxm/sweep/child.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr timespec kPause{0, 50'000'000};  // 50 ms between looks at the children: a run takes minutes
constexpr int64_t kTailBytes = 1200;       // of a failed process: some ten lines

struct Active {
  size_t work;
  Child child;
  Clock::time_point since;
  int64_t log_bytes;  // before it started
};

bool is_locked(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  const bool locked = ::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return locked;
}

int64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

// The end of what was written after the first `from` bytes, from the beginning of a line.
std::string tail_of(const fs::path& path, int64_t from) {
  const int64_t start = std::max(from, size_of(path) - kTailBytes);
  std::ifstream file(path, std::ios::binary);
  file.seekg(start);
  std::string text(static_cast<size_t>(kTailBytes), '\0');
  file.read(text.data(), kTailBytes);
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  if (start > from) text.erase(0, text.find('\n') + 1);
  return text;
}

class Runner {
 public:
  Runner(std::span<const Work> work, const RunnerOptions& options, const RunnerView& view)
      : work_(work), options_(options), view_(view) {
    for (size_t i = 0; i < work.size(); ++i) waiting_.push_back(i);
  }

  void run() {
    while (!active_.empty() || (!waiting_.empty() && !stopped_)) {
      pass_on_stop();
      collect();
      while (!stopped_ && start_one()) {
      }
      view_.tick(state());
      ::nanosleep(&kPause, nullptr);  // a signal cuts it short
    }
  }

 private:
  void pass_on_stop() {
    const int number = stopped_ ? 0 : options_.stop();
    if (number == 0) return;
    stopped_ = true;
    for (const Active& active : active_) active.child.signal(number);
    view_.stopping(active_.size());
  }

  void collect() {
    for (auto active = active_.begin(); active != active_.end();) {
      const std::optional<int> code = active->child.ended();
      if (!code) {
        ++active;
        continue;
      }
      if (*code == 0) {
        ++done_;
        seconds_ += std::chrono::duration<double>(Clock::now() - active->since).count();
      } else if (!stopped_) {
        ++failed_;
      }
      view_.ended(active->work, {*code, tail_of(work_[active->work].log, active->log_bytes)});
      active = active_.erase(active);
    }
  }

  bool fits(uint64_t memory) {
    if (active_.empty() || memory == 0 || !options_.memory) return true;
    const std::optional<uint64_t> available = options_.memory();
    if (!available) return true;
    for (const Active& active : active_) {  // what they have not taken yet is theirs
      const uint64_t has = resident_memory(active.child.id());
      memory += work_[active.work].memory - std::min(has, work_[active.work].memory);
    }
    return memory <= *available;
  }

  // Starts the first that may start; false if there is none now.
  bool start_one() {
    if (active_.size() >= static_cast<size_t>(options_.jobs)) return false;
    for (auto next = waiting_.begin(); next != waiting_.end(); ++next) {
      const Work& work = work_[*next];
      if (is_locked(work.lock)) {
        if (told_locked_.insert(*next).second) view_.locked(*next);
        continue;
      }
      if (!fits(work.memory)) {
        if (!std::exchange(told_memory_, true)) view_.short_of_memory(active_.size(), *next);
        return false;
      }
      const int64_t before = size_of(work.log);
      active_.push_back({*next, Child(work.argv, work.log), Clock::now(), before});
      view_.started(*next);
      waiting_.erase(next);
      return true;
    }
    return false;
  }

  [[nodiscard]] RunnerState state() const {
    RunnerState state{{}, done_, failed_, waiting_.size(), done_ == 0 ? 0 : seconds_ / static_cast<double>(done_)};
    for (const Active& active : active_) state.running.push_back({active.work, active.since});
    return state;
  }

  std::span<const Work> work_;
  const RunnerOptions& options_;
  const RunnerView& view_;
  std::list<size_t> waiting_;
  std::list<Active> active_;
  std::set<size_t> told_locked_;
  size_t done_ = 0, failed_ = 0;
  double seconds_ = 0;
  bool stopped_ = false, told_memory_ = false;
};

}  // namespace

void run_all(std::span<const Work> work, const RunnerOptions& options, const RunnerView& view) {
  Runner(work, options, view).run();
}

}  // namespace nxm
