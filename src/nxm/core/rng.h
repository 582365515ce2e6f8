// SPDX-License-Identifier: Apache-2.0
#pragma once
// Random numbers that are the same on every machine: a counter-based generator with independent streams.

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace nxm {

/// SplitMix64 over a counter, keyed by (seed, stream). Two streams of one seed do not overlap in practice; the state is
/// the counter, so it can be stored and set.
class Rng {
 public:
  /// `stream` names the use ("sampler", "head init", …), so that uses do not disturb one another.
  Rng(uint64_t seed, std::string_view stream, uint64_t index = 0);

  uint64_t next();
  double uniform();                ///< [0, 1), 53 bits
  uint64_t below(uint64_t bound);  ///< [0, bound), without bias; bound >= 1
  double normal();                 ///< mean 0, deviation 1 (Box-Muller, two draws each; last bits are libm's)

  [[nodiscard]] uint64_t counter() const { return counter_; }
  void set_counter(uint64_t counter) { counter_ = counter; }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

/// Fisher-Yates.
template <typename T>
void shuffle(std::span<T> items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

}  // namespace nxm
