// SPDX-License-Identifier: Apache-2.0
#pragma once
// The height of tile-inl.h, for those who cut work into tiles. Internal to kernels.

#include <cstdint>

namespace nxm {

/// Rows whose sums are held in registers at once: 6 rows by 2 vectors are 12 of 16 registers, enough to hide the
/// latency of a multiply-add on two units.
constexpr int64_t kTileRows = 6;

}  // namespace nxm
