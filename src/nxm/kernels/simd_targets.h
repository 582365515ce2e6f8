// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which of Highway's targets the room is compiled for: to be included before any other header of Highway. kScalar has
// plain C++ of its own (reference.h), so what Highway would compile for the baseline stays empty: see NXM_SIMD.

#define HWY_DISABLED_TARGETS (~(HWY_AVX3 | HWY_AVX2 | HWY_NEON | HWY_EMU128 | HWY_SCALAR))
// The macro above must be there first.
#include <hwy/detect_targets.h>

/// True in a pass of foreach_target.h that is to produce code.
#define NXM_SIMD (HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_NEON)

// In a switch over a Target: the object `name` of that target's pass.
#if HWY_TARGETS & HWY_AVX2
#define NXM_CASE_AVX2(name) \
  case Target::kAvx2:       \
  case Target::kAvxVnni:    \
    return &N_AVX2::name;
#else
#define NXM_CASE_AVX2(name)
#endif
#if HWY_TARGETS & HWY_NEON
#define NXM_CASE_NEON(name)  \
  case Target::kNeon:        \
  case Target::kNeonDotprod: \
    return &N_NEON::name;
#else
#define NXM_CASE_NEON(name)
#endif
