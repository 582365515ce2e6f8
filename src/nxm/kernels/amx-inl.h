// SPDX-License-Identifier: Apache-2.0
// How code on AMX sets up its tiles. Highway's include guard.

#if defined(NXM_KERNELS_AMX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef NXM_KERNELS_AMX_INL_H_
#undef NXM_KERNELS_AMX_INL_H_
#else
#define NXM_KERNELS_AMX_INL_H_
#endif

#include <hwy/highway.h>

#include "nxm/kernels/amx.h"

#if HWY_TARGET == HWY_AVX3
#undef NXM_AMX
#undef NXM_AMX_ATTR
#define NXM_AMX HWY_TARGET_STR ",avx512vnni,avx512bf16,avx512vbmi,avx512vbmi2,amx-tile,amx-int8,amx-bf16"
#define NXM_AMX_ATTR __attribute__((target(NXM_AMX)))  // for lambdas, as HWY_ATTR
HWY_PUSH_ATTRIBUTES(NXM_AMX)
namespace nxm::HWY_NAMESPACE {
namespace {

/// GCC's tile instructions do not say what memory they read and write.
HWY_INLINE void fence() { asm volatile("" ::: "memory"); }

/// The operand of LDTILECFG.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

/// Tiles 0 to 3 are sums, 4 and 5 of the left operand, 6 and 7 of the right one. `first` rows in 0, 1 and 4, `second`
/// in 2, 3 and 5.
HWY_INLINE void configure(int64_t first, int64_t second) {
  TileConfig config;
  for (const int i : {0, 1, 2, 3, 4, 5, 6, 7}) {
    config.row_bytes[i] = amx::kRowBytes;
    config.rows[i] = static_cast<uint8_t>(i >= 6 ? amx::kRows : i == 2 || i == 3 || i == 5 ? second : first);
  }
  fence();
  _tile_loadconfig(&config);
}

HWY_INLINE void zero_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

}  // namespace
}  // namespace nxm::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif

#endif
