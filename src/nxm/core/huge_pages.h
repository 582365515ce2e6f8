// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory that lasts and is read over and over, in huge pages where Linux gives them on request (madvise): with pages of
// 4 KiB a pass over tens of megabytes stops at every page's end to look for the next (bench/notes/huge_pages.md).

#include <cstddef>
#include <new>
#include <vector>

namespace nxm {

/// At a multiple of 64 bytes; not zeroed. Large requests lie one after another in blocks of whole huge pages, and a
/// block is given back when nothing in it is left: not for what comes and goes. Small ones (below 32 KiB), and
/// everything under AddressSanitizer, come from operator new. Throws std::bad_alloc. Safe to call concurrently.
std::byte* allocate_lasting(size_t bytes);
/// `bytes` as they were asked for.
void free_lasting(std::byte* memory, size_t bytes) noexcept;

template <typename T>
struct LastingAllocator {
  using value_type = T;
  LastingAllocator() = default;
  template <typename U>
  LastingAllocator(const LastingAllocator<U>& /*other*/) {}  // NOLINT(google-explicit-constructor)
  T* allocate(size_t n) {
    if (n > static_cast<size_t>(-1) / sizeof(T)) throw std::bad_alloc();
    return reinterpret_cast<T*>(allocate_lasting(n * sizeof(T)));
  }
  void deallocate(T* p, size_t n) noexcept { free_lasting(reinterpret_cast<std::byte*>(p), n * sizeof(T)); }
  bool operator==(const LastingAllocator&) const = default;
};

/// Sized once: what it grows out of is not used again before its whole block is.
template <typename T>
using LastingVector = std::vector<T, LastingAllocator<T>>;

}  // namespace nxm
