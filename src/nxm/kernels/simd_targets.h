// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which of Highway's targets the room is compiled for: to be included before any header of Highway. kScalar has plain
// C++ of its own (reference.h), so what Highway would compile for the baseline is left empty: see NXM_SIMD.

#define HWY_DISABLED_TARGETS (~(HWY_AVX2 | HWY_AVX3 | HWY_NEON | HWY_EMU128 | HWY_SCALAR))

/// True in a pass of foreach_target.h that is to produce code.
#define NXM_SIMD (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON)
