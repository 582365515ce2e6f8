// SPDX-License-Identifier: Apache-2.0
#pragma once
// For those who cut work into tiles. Internal to kernels.

#include <cstdint>

namespace nxm {

/// a / b, rounded up, for a >= 0 and b > 0.
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Height of tile-inl.h: rows whose sums are held in registers at once: 6 rows by 2 vectors are 12 of 16 registers,
/// enough to hide the latency of a multiply-add on two units.
constexpr int64_t kTileRows = 6;

}  // namespace nxm
