// SPDX-License-Identifier: Apache-2.0
#pragma once
// A piece of a file as memory.

#include <cstddef>
#include <span>
#include <utility>

namespace nxm {

/// Read-only, shared with every process that maps the file, and read from it page by page as it is looked at. Replacing
/// the file (rename) leaves it as it was; one that is cut short in place ends the process with SIGBUS on a later look.
class Mapping {
 public:
  Mapping() = default;
  /// Takes over `pages` bytes at `start` from mmap; the piece begins `skipped` bytes into them.
  Mapping(void* start, size_t pages, size_t skipped) : start_(start), pages_(pages), skipped_(skipped) {}
  ~Mapping();
  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    swap(other);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(start_) + skipped_, pages_ - skipped_};
  }

 private:
  void swap(Mapping& other) {
    std::swap(start_, other.start_);
    std::swap(pages_, other.pages_);
    std::swap(skipped_, other.skipped_);
  }

  void* start_ = nullptr;
  size_t pages_ = 0, skipped_ = 0;
};

}  // namespace nxm
