// SPDX-License-Identifier: Apache-2.0
// A session that has seen its largest batch allocates nothing but the result. Counts every operator new of the program.

#include <atomic>
#include <cstdlib>
#include <new>

#include "infer/support.h"

namespace {

std::atomic<int64_t> allocations{0};

void* counted(size_t bytes, size_t align) {
  allocations.fetch_add(1);
  void* memory = std::aligned_alloc(align, (std::max<size_t>(bytes, 1) + align - 1) / align * align);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
// std::stable_sort asks this way; left alone, a sanitizer's own would answer, and free() would not take it back.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t align) { return counted(bytes, static_cast<size_t>(align)); }
// Not inlined: GCC would see a free() of what a new gave, and warn.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace nxm {
namespace {

TEST(Session, AllocatesNothingAfterWarmUp) {
  const testing::ModelFolder folder(testing::small_config(), Pattern{2, 4});
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
    const Session session = Session::load(folder.path(), {.threads = 2, .precision = precision});
    const Dataset data = testing::random_dataset(session.config(), 8, 40);
    const std::vector<int64_t> all{0, 1, 2, 3, 4, 5, 6, 7}, few{1, 5};
    const Batch large = make_batch(data, all), small = make_batch(data, few);
    std::vector<float> logits = session.logits(large);
    const int64_t before = allocations.load();
    logits = session.logits(large);
    logits = session.logits(small);
    EXPECT_EQ(allocations.load() - before, 2) << name_of(precision);  // the two results
  }
}

}  // namespace
}  // namespace nxm
