// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/target.h"

#include <vector>

#include "nxm/core/env.h"
#include "nxm/core/error.h"
#include "nxm/kernels/simd_targets.h"
// Highway's own header comes after the choice of its targets.
#include <hwy/targets.h>

namespace nxm {
namespace {

std::vector<Target> detect() {
  const int64_t has = hwy::SupportedTargets() & HWY_TARGETS;
  std::vector<Target> targets = {Target::kScalar};
  if ((has & HWY_NEON) != 0) targets.push_back(Target::kNeon);
  if ((has & HWY_AVX2) != 0) targets.push_back(Target::kAvx2);
#if HWY_TARGETS & HWY_AVX3
  if ((has & HWY_AVX3) != 0) {
    targets.push_back(Target::kAvx512);
    if (__builtin_cpu_supports("avx512vnni") != 0) targets.push_back(Target::kAvx512Vnni);
    if (targets.back() == Target::kAvx512Vnni && __builtin_cpu_supports("avx512bf16") != 0) {
      targets.push_back(Target::kAvx512Bf16);
    }
  }
#endif
  return targets;
}

}  // namespace

std::string_view name_of(Target target) {
  static constexpr std::string_view kNames[] = {"scalar", "neon", "avx2", "avx512", "avx512_vnni", "avx512_bf16"};
  return kNames[static_cast<size_t>(target)];
}

std::span<const Target> available_targets() {
  static const std::vector<Target> targets = detect();
  return targets;
}

Target chosen_target() {
  const auto asked = env::get("NXM_FORCE_TARGET");
  if (!asked) return available_targets().back();
  std::string names;
  for (const Target target : available_targets()) {
    if (*asked == name_of(target)) return target;
    names += names.empty() ? "" : ", ";
    names += name_of(target);
  }
  fail_usage("NXM_FORCE_TARGET", "'{}' is no target of this machine and build; there are {}", *asked, names);
}

}  // namespace nxm
