// SPDX-License-Identifier: Apache-2.0
#pragma once
// The instruction set that kernels run on: detected once, or forced by NXM_FORCE_TARGET.

#include <span>
#include <string_view>

namespace nxm {

enum class Target { kScalar, kNeon, kAvx2 };

[[nodiscard]] std::string_view name_of(Target target);  ///< "scalar", "neon", "avx2"
/// What this machine can run and this build holds, kScalar first, the best last.
std::span<const Target> available_targets();
/// The best, or the one NXM_FORCE_TARGET names. Throws UsageError if that name is unknown or not available here, with
/// the names that are.
Target chosen_target();

}  // namespace nxm
