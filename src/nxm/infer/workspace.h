// SPDX-License-Identifier: Apache-2.0
#pragma once
// Memory for activations: grows to the largest request so far and stays. Not for weights.

#include <array>
#include <cstddef>
#include <memory>

namespace nxm {

class Workspace {
 public:
  static constexpr size_t kAlign = 64;  // a cache line, and the widest vector register

  /// Disjoint pieces of at least these sizes, at multiples of kAlign; their content is anything. What an earlier call
  /// gave is void. Allocates only if the sum is the largest so far.
  template <size_t N>
  std::array<std::byte*, N> take(const std::array<size_t, N>& bytes) {
    size_t total = 0;
    for (const size_t size : bytes) total += rounded(size);
    std::byte* next = grow(total);
    std::array<std::byte*, N> pieces{};
    for (size_t i = 0; i < N; ++i) {
      pieces[i] = next;
      next += rounded(bytes[i]);
    }
    return pieces;
  }
  [[nodiscard]] size_t bytes() const { return bytes_; }

  static size_t rounded(size_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

 private:
  std::byte* grow(size_t bytes);

  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t bytes_ = 0;
};

}  // namespace nxm
