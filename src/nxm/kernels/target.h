// SPDX-License-Identifier: Apache-2.0
#pragma once
// The instruction set that kernels run on: detected once, or forced by NXM_FORCE_TARGET.

#include <span>
#include <string>
#include <string_view>

namespace nxm {

/// Arm's and, from kAvx2 on, x86's, better ones after worse ones. kAvxVnni: AVX2 and AVX's own vpdpbusd. kAvx512: F,
/// BW, CD, DQ and VL. kAmx: tiles, their products of bf16 and of int8, and AVX512-VBMI2.
enum class Target { kScalar, kNeon, kNeonDotprod, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmx };

/// "scalar", "neon", "neon_dotprod", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_bf16", "amx"
[[nodiscard]] std::string_view name_of(Target target);
/// Does every machine that has `target` run code for `needs`? (AVX-512 does not mean AVX-VNNI.)
[[nodiscard]] bool includes(Target target, Target needs);
/// What this machine can run and this build holds, kScalar first, each after what it includes.
std::span<const Target> available_targets();
/// Cores of Intel's: tokens in lanes pay there, MKL takes its code for AVX-512, and vdpbf16ps takes two cycles, in
/// which there is time for four products of as many f32 (bench/ports_bench).
[[nodiscard]] bool is_intel();
/// AVX512-VBMI.
[[nodiscard]] bool has_vbmi();
/// The fastest of them: the last, but kAvx512Vnni for kAvx512Bf16 on Intel, where products of bf16 are slower than
/// those of f32.
Target best_target();
/// The best, or the one NXM_FORCE_TARGET names. Throws UsageError if that name is unknown or not available here, with
/// the names that are.
Target chosen_target();

/// "1.0.3": of the library that most kernels are written with.
[[nodiscard]] std::string highway_version();

}  // namespace nxm
