// SPDX-License-Identifier: Apache-2.0
// Linear::run() allocates nothing, in any kernel: every form of operator new of this program counts.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "cases.h"

namespace {
std::atomic<int64_t> allocations = 0;  // NOLINT(readability-identifier-naming)
}

void* operator new(size_t size) {
  ++allocations;
  if (void* p = std::malloc(size == 0 ? 1 : size)) return p;
  throw std::bad_alloc();
}
void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new(size_t size, std::align_val_t align) {
  ++allocations;
  const auto to = static_cast<size_t>(align);
  if (void* p = std::aligned_alloc(to, (size + to - 1) / to * to)) return p;
  throw std::bad_alloc();
}
// Not inlined: GCC would see a free() of what a new gave, and warn.
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t /*size*/) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::align_val_t /*align*/) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, size_t /*size*/, std::align_val_t /*align*/) noexcept { std::free(p); }

namespace nxm {
namespace {

TEST(Allocation, RunDoesWithout) {
  Rng rng(1, "allocation");
  const testing::Layer layer("2:4", DType::kF32, 40, 64, rng);
  ThreadPool pool(2);
  for (const LinearKernel& kernel : linear_kernels()) {
    if (!testing::runs_here(kernel.needs)) continue;
    const auto linear = kernel.make(layer.source);
    for (const int64_t rows : {1, 8, 130}) {
      const auto x = testing::normal(rows * 64, rng);
      std::vector<float> y(static_cast<size_t>(rows * 40));
      AlignedVector<std::byte> scratch(linear->scratch_bytes(rows, pool.size()));
      const auto once = [&] {
        linear->run({x.data(), rows, 64}, {y.data(), rows, 40}, {layer.bias.data(), true}, scratch.data(), pool);
      };
      once();  // the pool makes room for its ranges once
      const int64_t before = allocations;
      EXPECT_GT(before, 0);
      once();
      EXPECT_EQ(allocations, before) << kernel.name << " R " << rows;
    }
  }
}

}  // namespace
}  // namespace nxm
