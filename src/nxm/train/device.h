// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where and how precisely training computes: device, precision, threads.

#include <string>

#include "nxm/train/torch.h"

namespace nxm {

struct Compute {
  at::Device device = at::kCPU;
  bool bf16 = false;  ///< bfloat16 inside matmuls; weights, sums and optimiser stay f32
  int threads = 1;
};

/// `device` auto|cpu|cuda[:i], `precision` auto|fp32|bf16, `threads` 0 = all this process may use. auto takes the first
/// CUDA device if there is one, and bf16 on CUDA or on a CPU whose products of bf16 are faster than those of f32 (AMX,
/// or AMD's AVX512-BF16). Sets LibTorch's thread count.
/// Throws UsageError for unknown words, Error for a device that is not there.
Compute choose_compute(const std::string& device, const std::string& precision, int threads);

/// "cpu, fp32, 2 threads".
std::string describe(const Compute& compute);

/// bf16 matmuls while it lives, if the compute asks for them; forgets cached casts at its end, since the optimiser
/// changes the weights they came from.
class AutocastScope {
 public:
  explicit AutocastScope(const Compute& compute);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  c10::DeviceType device_;
  bool active_;
  bool before_ = false;
};

/// The generator that dropout draws from.
at::Generator dropout_generator(const Compute& compute);

}  // namespace nxm
