// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/device.h"

#include <malloc.h>

#include "nxm/core/error.h"
#include "nxm/core/thread_pool.h"
#include "nxm/kernels/target.h"

namespace nxm {
namespace {

at::Device parse_device(const std::string& text) {
  if (text == "auto") return at::hasCUDA() && at::getNumGPUs() > 0 ? at::Device("cuda:0") : at::kCPU;
  if (text == "cpu") return at::kCPU;
  const bool indexed = text.starts_with("cuda:") && text.size() > 5 && text.size() < 8 &&
                       text.find_first_not_of("0123456789", 5) == std::string::npos;
  if (text != "cuda" && !indexed)
    fail_usage("device", "'{}' is not a device: expected auto, cpu, cuda or cuda:N", text);
  const int index = indexed ? std::stoi(text.substr(5)) : 0;
  const auto found = static_cast<int>(at::getNumGPUs());
  if (index >= found) fail("device", "'{}' asked for, but {} CUDA device(s) found. Use device = \"cpu\"", text, found);
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

bool has_fast_bf16(at::Device device) { return device.is_cuda() || includes(best_target(), Target::kAvx512Bf16); }

}  // namespace

Compute choose_compute(const std::string& device, const std::string& precision, int threads) {
  Compute compute;
  compute.device = parse_device(device);
  if (precision != "auto" && precision != "fp32" && precision != "bf16") {
    fail_usage("precision", "'{}' is not a precision: expected auto, fp32 or bf16", precision);
  }
  compute.bf16 = precision == "bf16" || (precision == "auto" && has_fast_bf16(compute.device));
  compute.threads = threads > 0 ? threads : available_threads();
  at::set_num_threads(compute.threads);
  // Every step allocates the same large tensors. Keeping freed memory saves the kernel from zeroing them each time.
  constexpr int kKeep = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, kKeep);
  mallopt(M_TRIM_THRESHOLD, kKeep);
  return compute;
}

std::string describe(const Compute& compute) {
  return fmt::format("{}, {}, {} thread{}", compute.device.str(), compute.bf16 ? "bf16 matmuls" : "fp32",
                     compute.threads, compute.threads == 1 ? "" : "s");
}

AutocastScope::AutocastScope(const Compute& compute) : device_(compute.device.type()), active_(compute.bf16) {
  if (!active_) return;
  before_ = at::autocast::is_autocast_enabled(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

AutocastScope::~AutocastScope() {
  if (!active_) return;
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, before_);
}

at::Generator dropout_generator(const Compute& compute) {
  return compute.device.is_cuda() ? at::globalContext().defaultGenerator(compute.device)
                                  : at::detail::getDefaultCPUGenerator();
}

}  // namespace nxm
