// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "nxm/core/cpu_quota.h"
#include "nxm/core/env.h"
#include "nxm/core/error.h"

namespace nxm {
namespace {

int threads_asked_for(const std::string& text) {
  int threads = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, threads);
  if (error != std::errc() || stop != end || threads < 1 || threads > kMaxThreads) {
    fail_usage("NXM_THREADS", "expected a number of threads from 1 to {}, got '{}'", kMaxThreads, text);
  }
  return threads;
}

}  // namespace

int available_threads() {
  if (const auto asked = env::get("NXM_THREADS")) return threads_asked_for(*asked);
  const int processors = affinity_count();
  const auto quota = cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  return quota && *quota < processors ? std::max(1, static_cast<int>(std::ceil(*quota))) : processors;
}

/// How long who waits looks again and again before sleeping, if there are processors for all: to wake a thread takes
/// longer than many a job.
constexpr std::chrono::microseconds kSpin{50};

/// Tells the processor that this thread only looks. Not the kernel: a thread that gives way but never sleeps is not
/// moved to an idle processor, and may share its own with the one it waits for.
void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Whoever is free takes the next range, so a worker that is slow to wake does not hold up the job. The mutex is for
/// those who sleep: who is awake takes ranges and ends them by the atomics alone, since to meet at a mutex puts one to
/// sleep.
struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable work;      // left > 0 or stop
  std::condition_variable finished;  // unfinished == 0
  std::atomic<bool> stop = false;

  // A job: written while there is nothing left to take and nothing unfinished, read by who has taken a range of it.
  const std::function<void(int64_t, int64_t)>* body = nullptr;
  int64_t n = 0;
  int64_t length = 0;                      // of a range
  std::vector<std::exception_ptr> errors;  // by range
  std::atomic<size_t> left = 0;            // ranges that nobody took: the first so many
  std::atomic<size_t> unfinished = 0;      // ranges not done

  std::chrono::microseconds patience{0};  // set before there are workers
  std::atomic_flag busy;
  std::vector<std::thread> workers;

  ~State() {
    stop = true;
    wake(work);
    for (std::thread& worker : workers) worker.join();
  }

  /// Those who sleep. What they wait for is true already; who was about to sleep has the mutex or will see it.
  void wake(std::condition_variable& sleepers) {
    { const std::lock_guard lock(mutex); }
    sleepers.notify_all();
  }

  /// Returns when `ready` is true.
  template <typename Ready>
  void wait(std::condition_variable& sleepers, const Ready& ready) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!ready() && std::chrono::steady_clock::now() < end) relax();
    if (ready()) return;
    std::unique_lock lock(mutex);
    sleepers.wait(lock, ready);
  }

  /// Takes ranges while there are any.
  void run_ranges() {
    for (size_t some = left; some > 0;) {
      if (!left.compare_exchange_weak(some, some - 1)) continue;
      const size_t range = some - 1;
      try {
        const int64_t begin = static_cast<int64_t>(range) * length;
        (*body)(begin, begin + std::min(length, n - begin));
      } catch (...) {
        errors[range] = std::current_exception();
      }
      if (--unfinished == 0) wake(finished);
      some = left;
    }
  }

  void work_until_stop() {
    while (!stop) {
      wait(work, [this] { return stop || left > 0; });
      run_ranges();
    }
  }
};

void pin_this_thread(int index) {
  const std::vector<int> processors = affinity_processors();
  if (processors.empty()) return;
  const auto processor = static_cast<size_t>(processors[static_cast<size_t>(index) % processors.size()]);
  std::vector<cpu_set_t> set(processor / CPU_SETSIZE + 1);
  CPU_SET_S(processor, set.size() * sizeof(cpu_set_t), set.data());
  sched_setaffinity(0, set.size() * sizeof(cpu_set_t), set.data());
}

ThreadPool::ThreadPool(int threads, bool pin) : state_(std::make_unique<State>()) {
  require(threads >= 1 && threads <= kMaxThreads, "ThreadPool: from 1 to 4096 threads");
  if (threads <= affinity_count()) state_->patience = kSpin;
  for (int i = 1; i < threads; ++i) {
    try {
      state_->workers.emplace_back([state = state_.get(), pin, i] {
        if (pin) pin_this_thread(i);
        state->work_until_stop();
      });
    } catch (const std::system_error& error) {
      fail("thread pool", "could not start thread {} of {}: {}. Ask for fewer threads (NXM_THREADS)", i + 1, threads,
           error.what());
    }
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body) {
  require(n >= 0 && grain >= 1, "parallel_for: n >= 0 and grain >= 1 must hold");
  State& state = *state_;
  require(!state.busy.test_and_set(), "parallel_for: this pool is at work already (it is not reentrant)");
  const auto release = [&](void*) { state.busy.clear(); };
  const std::unique_ptr<void, decltype(release)> guard(&state, release);
  if (n == 0) return;
  const int64_t length = std::max(grain, n / size() + (n % size() != 0 ? 1 : 0));
  if (length >= n) return body(0, n);

  const auto ranges = static_cast<size_t>((n - 1) / length + 1);
  state.body = &body;
  state.n = n;
  state.length = length;
  state.errors.assign(ranges, nullptr);
  state.unfinished = ranges;
  state.left = ranges;
  state.wake(state.work);
  state.run_ranges();
  state.wait(state.finished, [&] { return state.unfinished == 0; });
  for (const std::exception_ptr& error : state.errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace nxm
