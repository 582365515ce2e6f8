// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/target.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "nxm/core/env.h"
#include "nxm/core/error.h"
#include "nxm/kernels/simd_targets.h"
// After the targets are chosen.
#include <hwy/highway.h>

namespace nxm {
namespace {

/// By Target: its name and the target whose code it runs besides its own.
constexpr std::pair<std::string_view, Target> kTable[] = {
    {"scalar", Target::kScalar},      {"neon", Target::kScalar},
    {"neon_dotprod", Target::kNeon},  {"avx2", Target::kScalar},
    {"avx_vnni", Target::kAvx2},      {"avx512", Target::kAvx2},
    {"avx512_vnni", Target::kAvx512}, {"avx512_bf16", Target::kAvx512Vnni},
    {"amx", Target::kAvx512Bf16}};

#if HWY_TARGETS & HWY_AVX2
// The macro wants literals, and compilers do not agree on one for AVX-VNNI.
#define NXM_HAS(feature) (__builtin_cpu_supports(feature) != 0)
bool has_avx2() { return NXM_HAS("avx2") && NXM_HAS("fma") && NXM_HAS("bmi") && NXM_HAS("bmi2"); }
bool has_avx512() {
  return NXM_HAS("avx512f") && NXM_HAS("avx512cd") && NXM_HAS("avx512vl") && NXM_HAS("avx512dq") && NXM_HAS("avx512bw");
}
bool has_avx_vnni() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & 1U << 4) != 0;
}

bool has_amx() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  const bool tiles = (edx & 1U << 24) != 0, bf16 = (edx & 1U << 22) != 0, int8 = (edx & 1U << 25) != 0;
  if (!tiles || !bf16 || !int8 || !NXM_HAS("avx512vbmi") || !NXM_HAS("avx512vbmi2")) return false;
  // Linux gives a process tiles once it has asked for them, and all its threads then.
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // NOLINT(google-runtime-int): syscall's
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

std::vector<Target> detect() {
  const std::pair<Target, bool> machine[] = {{Target::kAvx2, has_avx2()},
                                             {Target::kAvxVnni, has_avx_vnni()},
                                             {Target::kAvx512, has_avx512()},
                                             {Target::kAvx512Vnni, NXM_HAS("avx512vnni")},
                                             {Target::kAvx512Bf16, NXM_HAS("avx512bf16")},
                                             {Target::kAmx, has_amx()}};
  std::vector<Target> targets = {Target::kScalar};
  for (const auto& [target, has] : machine) {
    const Target base = kTable[static_cast<size_t>(target)].second;
    if (has && std::find(targets.begin(), targets.end(), base) != targets.end()) targets.push_back(target);
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

std::string_view name_of(Target target) { return kTable[static_cast<size_t>(target)].first; }

bool includes(Target target, Target needs) {
  while (target != needs && target != Target::kScalar) target = kTable[static_cast<size_t>(target)].second;
  return target == needs;
}

std::span<const Target> available_targets() {
  static const std::vector<Target> targets = detect();
  return targets;
}

#if defined(__x86_64__)
bool is_intel() { return __builtin_cpu_is("intel") != 0; }
bool has_vbmi() { return __builtin_cpu_supports("avx512vbmi") != 0; }
#else
bool is_intel() { return false; }
bool has_vbmi() { return false; }
#endif

Target best_target() {
  const auto targets = available_targets();
  return targets.back() == Target::kAvx512Bf16 && is_intel() ? Target::kAvx512Vnni : targets.back();
}

Target chosen_target() {
  const auto asked = env::get("NXM_FORCE_TARGET");
  if (!asked) return best_target();
  std::string names;
  for (const Target target : available_targets()) {
    if (*asked == name_of(target)) return target;
    names += names.empty() ? "" : ", ";
    names += name_of(target);
  }
  fail_usage("NXM_FORCE_TARGET", "'{}' is no target of this machine and build; there are {}", *asked, names);
}

std::string highway_version() { return fmt::format("{}.{}.{}", HWY_MAJOR, HWY_MINOR, HWY_PATCH); }

}  // namespace nxm
