// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/target.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <utility>
#include <vector>

#include "nxm/core/env.h"
#include "nxm/core/error.h"
#include "nxm/kernels/simd_targets.h"

namespace nxm {
namespace {

#if HWY_TARGETS & HWY_AVX2
// Each needs what those before it need. The macro wants literals.
#define NXM_HAS(feature) (__builtin_cpu_supports(feature) != 0)
bool has_avx2() { return NXM_HAS("avx2") && NXM_HAS("fma") && NXM_HAS("bmi") && NXM_HAS("bmi2"); }
bool has_avx512() {
  return NXM_HAS("avx512f") && NXM_HAS("avx512cd") && NXM_HAS("avx512vl") && NXM_HAS("avx512dq") && NXM_HAS("avx512bw");
}

std::vector<Target> detect() {
  const std::pair<Target, bool> steps[] = {{Target::kAvx2, has_avx2()},
                                           {Target::kAvx512, has_avx512()},
                                           {Target::kAvx512Vnni, NXM_HAS("avx512vnni")},
                                           {Target::kAvx512Bf16, NXM_HAS("avx512bf16")}};
  std::vector<Target> targets = {Target::kScalar};
  for (const auto& [target, has] : steps) {
    if (!has) break;
    targets.push_back(target);
  }
  return targets;
}
#elif HWY_TARGETS & HWY_NEON
std::vector<Target> detect() {
  std::vector<Target> targets = {Target::kScalar, Target::kNeon};
  if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) targets.push_back(Target::kNeonDotprod);
  return targets;
}
#else
std::vector<Target> detect() { return {Target::kScalar}; }
#endif

}  // namespace

std::string_view name_of(Target target) {
  static constexpr std::string_view kNames[] = {"scalar", "neon",        "neon_dotprod", "avx2",
                                                "avx512", "avx512_vnni", "avx512_bf16"};
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
