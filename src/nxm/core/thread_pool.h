// SPDX-License-Identifier: Apache-2.0
#pragma once
// A fork-join pool: one parallel_for at a time, split into equal ranges. Not a task queue.

#include <cstdint>
#include <functional>
#include <memory>

namespace nxm {

/// Processors this process may really use: the smallest of the affinity mask's count and the cgroup CPU quota (v1 or
/// v2, rounded up), at least 1. NXM_THREADS overrides it.
int available_threads();

inline constexpr int kMaxThreads = 4096;  ///< of a pool: a slip of the keyboard should not exhaust the machine

/// Keeps the calling thread on the processor at place `index` (modulo their number) of its affinity mask. For speed
/// alone: does nothing where the kernel refuses.
void pin_this_thread(int index);

class ThreadPool {
 public:
  /// `pin`: each worker stays on a processor of its own, the second, third, … of the caller's affinity mask (from the
  /// first again where there are fewer). The caller, who works too, stays free: see pin_this_thread().
  explicit ThreadPool(int threads = available_threads(), bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] int size() const;

  /// Calls body(begin, end) on disjoint ranges that cover [0, n), at most size() of them and none shorter than `grain`
  /// but the last. The calling thread works too. Returns when all are done; rethrows the first exception (by range).
  /// The split depends on n, grain and size() alone. Not reentrant.
  void parallel_for(int64_t n, int64_t grain, const std::function<void(int64_t begin, int64_t end)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nxm
