// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/rng.h"

#include <cmath>
#include <numbers>

#include "nxm/core/error.h"

namespace nxm {
namespace {

constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio, odd

/// The finaliser of SplitMix64, a bijection.
uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

/// FNV-1a.
uint64_t hash(std::string_view text) {
  uint64_t h = 0xCBF29CE484222325;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return h;
}

}  // namespace

Rng::Rng(uint64_t seed, std::string_view stream, uint64_t index)
    : key_(mix(mix(mix(seed + kGolden) ^ hash(stream)) + kGolden * (index + 1))) {}

uint64_t Rng::next() { return mix(key_ + ++counter_ * kGolden); }

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

uint64_t Rng::below(uint64_t bound) {
  require(bound >= 1, "Rng::below: bound must be at least 1");
  const uint64_t excess = -bound % bound;  // 2^64 mod bound: that many draws would favour small results
  uint64_t draw = next();
  while (draw < excess) draw = next();
  return draw % bound;
}

double Rng::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - [0, 1) is never 0
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace nxm
