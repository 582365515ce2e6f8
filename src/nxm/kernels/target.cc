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
  return targets;
}

}  // namespace

std::string_view name_of(Target target) {
  switch (target) {
    case Target::kScalar:
      return "scalar";
    case Target::kNeon:
      return "neon";
    default:
      return "avx2";
  }
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
