// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/huge_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <new>

// There where AddressSanitizer is.
extern "C" void __attribute__((weak))
__asan_init();  // NOLINT(bugprone-reserved-identifier,readability-identifier-naming)

namespace nxm {
namespace {

constexpr size_t kAlign = 64, kHugePage = size_t{2} << 20, kSmall = size_t{32} << 10;
constexpr size_t kMostBytes = size_t{1} << 40;  // more than any weight has; AddressSanitizer ends the program for more
constexpr size_t kBlock = 16 * kHugePage;       // at least; what is not touched takes no memory

size_t rounded(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// From operator new: small ones, and under AddressSanitizer all, so that it sees a read beyond the end.
bool is_single(size_t bytes) { return bytes < kSmall || &__asan_init != nullptr; }

struct Block {
  size_t size, used, live;  // bytes, bytes, requests
};

class Blocks {
 public:
  std::byte* take(size_t bytes) {
    const size_t size = rounded(bytes, kAlign);
    const std::scoped_lock lock(mutex_);
    auto found = blocks_.begin();
    while (found != blocks_.end() && found->second.size - found->second.used < size) ++found;
    if (found == blocks_.end()) found = add(std::max(rounded(size, kHugePage), kBlock));
    auto& [begin, block] = *found;
    std::byte* memory = begin + block.used;
    block.used += size;
    ++block.live;
    return memory;
  }

  void give_back(std::byte* memory) {
    const std::scoped_lock lock(mutex_);
    const auto found = std::prev(blocks_.upper_bound(memory));
    auto& [begin, block] = *found;
    if (--block.live > 0) return;
    munmap(begin, block.size);
    blocks_.erase(found);
  }

 private:
  using Map = std::map<std::byte*, Block>;

  Map::iterator add(size_t size) {
    const size_t all = size + kHugePage;  // room to begin at a huge page
    void* mapped = mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    auto* start = static_cast<std::byte*>(mapped);
    const auto address = reinterpret_cast<uintptr_t>(mapped);
    const size_t before = rounded(address, kHugePage) - address;
    if (before > 0) munmap(start, before);
    if (before < kHugePage) munmap(start + before + size, kHugePage - before);
    madvise(start + before, size, MADV_HUGEPAGE);  // a kernel without them says no, and all is as it was
    return blocks_.emplace(start + before, Block{size, 0, 0}).first;
  }

  std::mutex mutex_;
  Map blocks_;
};

Blocks& blocks() {
  static auto* all = new Blocks;  // never destroyed: what is left at exit may still be freed
  return *all;
}

}  // namespace

std::byte* allocate_lasting(size_t bytes) {
  if (bytes > kMostBytes) throw std::bad_alloc();
  if (is_single(bytes)) return static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlign}));
  return blocks().take(bytes);
}

void free_lasting(std::byte* memory, size_t bytes) noexcept {
  if (memory == nullptr) return;
  if (is_single(bytes)) return ::operator delete (memory, std::align_val_t{kAlign});
  blocks().give_back(memory);
}

}  // namespace nxm
