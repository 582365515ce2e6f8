// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

using Ranges = std::vector<std::pair<int64_t, int64_t>>;

Ranges ranges_of(ThreadPool& pool, int64_t n, int64_t grain) {
  std::mutex mutex;
  Ranges ranges;
  pool.parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    ranges.emplace_back(begin, end);
  });
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

TEST(ThreadPool, PinnedWorkersStayOnAProcessorOfTheirOwn) {
  const auto mask = [] {
    cpu_set_t set;
    EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    std::vector<int> processors;
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) processors.push_back(i);
    }
    return processors;
  };
  const std::vector<int> all = mask();
  constexpr int kThreads = 3;
  ThreadPool pool(kThreads, true);
  std::mutex mutex;
  std::map<std::thread::id, std::vector<int>> masks;
  std::barrier met(kThreads);  // so that each thread takes one range
  pool.parallel_for(kThreads, 1, [&](int64_t /*begin*/, int64_t /*end*/) {
    met.arrive_and_wait();
    const std::lock_guard lock(mutex);
    masks[std::this_thread::get_id()] = mask();
  });
  ASSERT_EQ(masks.size(), size_t{kThreads});
  EXPECT_EQ(masks[std::this_thread::get_id()], all) << "the caller is left alone";
  std::multiset<int> taken, expected{all[1 % all.size()], all[2 % all.size()]};
  for (const auto& [thread, processors] : masks) {
    if (thread == std::this_thread::get_id()) continue;
    ASSERT_EQ(processors.size(), 1U);
    taken.insert(processors.front());
  }
  EXPECT_EQ(taken, expected);

  std::thread([&] {
    pin_this_thread(static_cast<int>(all.size()));  // round to the first
    EXPECT_EQ(mask(), std::vector<int>{all.front()});
    pin_this_thread(5);  // of those that are left
    EXPECT_EQ(mask(), std::vector<int>{all.front()});
  }).join();
}

TEST(ThreadPool, RangesCoverAllOnceWithinSizeAndGrain) {
  Rng rng(1, "thread pool");
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    ASSERT_EQ(pool.size(), threads);
    for (int round = 0; round < 200; ++round) {
      const auto n = static_cast<int64_t>(rng.below(100));
      const auto grain = static_cast<int64_t>(1 + rng.below(40));
      const Ranges ranges = ranges_of(pool, n, grain);
      ASSERT_LE(ranges.size(), static_cast<size_t>(threads));
      int64_t covered = 0;
      for (const auto& [begin, end] : ranges) {
        ASSERT_EQ(begin, covered);
        ASSERT_LT(begin, end);
        ASSERT_TRUE(end == n || end - begin >= grain);
        covered = end;
      }
      ASSERT_EQ(covered, n);
      ASSERT_EQ(ranges_of(pool, n, grain), ranges);  // the same split again
    }
  }
}

TEST(ThreadPool, HugeCountsDoNotOverflow) {
  ThreadPool pool(3);
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const Ranges ranges = ranges_of(pool, kMost, 1);
  EXPECT_EQ(ranges.size(), 3U);
  EXPECT_EQ(ranges.back().second, kMost);
  EXPECT_EQ(ranges_of(pool, kMost, kMost), (Ranges{{0, kMost}}));
}

TEST(ThreadPool, EveryThreadOfThePoolCanWorkAtOnce) {
  // Each range waits until all three have begun, which needs three threads (a bug shows as the test's time-out).
  ThreadPool pool(3);
  std::atomic<int> begun = 0;
  pool.parallel_for(3, 1, [&](int64_t, int64_t) {
    ++begun;
    while (begun < 3) std::this_thread::yield();
  });
  EXPECT_EQ(begun, 3);
}

TEST(ThreadPool, RethrowsTheFirstExceptionByRangeAfterAllAreDone) {
  ThreadPool pool(4);
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> done = 0;
    try {
      pool.parallel_for(4, 1, [&](int64_t begin, int64_t) {
        ++done;
        if (begin % 2 == 1) throw std::runtime_error(std::to_string(begin));
      });
      FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "1");
    }
    EXPECT_EQ(done, 4);
  }
  EXPECT_EQ(ranges_of(pool, 4, 1).size(), 4U);  // and works on
}

TEST(ThreadPool, StressReuse) {
  ThreadPool pool(4);
  std::vector<int64_t> numbers(997, 0);
  for (int round = 0; round < 5000; ++round) {
    const int64_t n = 1 + round % static_cast<int64_t>(numbers.size());
    pool.parallel_for(n, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++numbers[static_cast<size_t>(i)];
    });
  }
  int64_t total = 0;
  for (const int64_t number : numbers) total += number;
  int64_t expected = 0;
  for (int round = 0; round < 5000; ++round) expected += 1 + round % static_cast<int64_t>(numbers.size());
  EXPECT_EQ(total, expected);
}

TEST(ThreadPool, ManyPoolsComeAndGo) {
  for (int round = 0; round < 100; ++round) {
    ThreadPool pool(1 + round % 5);
    if (round % 2 == 0) continue;  // never used
    std::atomic<int64_t> sum = 0;
    pool.parallel_for(100, 1, [&](int64_t begin, int64_t end) { sum += end - begin; });
    EXPECT_EQ(sum, 100);
  }
}

TEST(ThreadPool, RefusesNestingNonsenseAndStillWorks) {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto nested = [&](int64_t, int64_t) { pool.parallel_for(10, 1, [](int64_t, int64_t) {}); };
    EXPECT_THROW(pool.parallel_for(10, 1, nested), ContractError);
    EXPECT_THROW(pool.parallel_for(-1, 1, nested), ContractError);
    EXPECT_THROW(pool.parallel_for(1, 0, nested), ContractError);
    EXPECT_EQ(ranges_of(pool, 10, 10).size(), 1U);
  }
  EXPECT_THROW(ThreadPool(0), ContractError);
  EXPECT_THROW(ThreadPool(-3), ContractError);
  EXPECT_THROW(ThreadPool(1 << 20), ContractError);
}

TEST(ThreadPool, TheVariableOverrulesAndIsChecked) {
  const char* before = std::getenv("NXM_THREADS");
  const std::string saved = before == nullptr ? "" : before;
  setenv("NXM_THREADS", "5", 1);
  EXPECT_EQ(available_threads(), 5);
  EXPECT_EQ(ThreadPool().size(), 5);
  for (const char* wrong : {"0", "-1", "two", "2 ", "1.5", "4097", "99999999999999999999"}) {
    setenv("NXM_THREADS", wrong, 1);
    EXPECT_THROW(available_threads(), UsageError) << wrong;
  }
  setenv("NXM_THREADS", "", 1);
  const int threads = available_threads();
  EXPECT_GE(threads, 1);
  cpu_set_t affinity;
  ASSERT_EQ(sched_getaffinity(0, sizeof(affinity), &affinity), 0);
  EXPECT_LE(threads, CPU_COUNT(&affinity));
  saved.empty() ? unsetenv("NXM_THREADS") : setenv("NXM_THREADS", saved.c_str(), 1);
}

}  // namespace
}  // namespace nxm
