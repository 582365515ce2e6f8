// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/linear.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/reference.h"

namespace nxm {
namespace {

bool any(const LinearSource& /*source*/) { return true; }

/// Without VNNI products of bytes are added up in 16 bits: 2 * 127 * 127 < 2^15.
constexpr int kLevels = 127;

template <Precision kPrecision>
std::unique_ptr<Linear> reference(const LinearSource& source) {
  return make_reference(source, kPrecision, kLevels);
}

std::vector<LinearKernel> all_kernels() {
  std::vector<LinearKernel> table = {
      {"f32_scalar", Precision::kF32, Target::kScalar, true, 0, any, reference<Precision::kF32>},
      {"bf16_scalar", Precision::kBf16, Target::kScalar, true, 0, any, reference<Precision::kBf16>},
      {"int8_scalar", Precision::kInt8, Target::kScalar, true, kLevels, any, reference<Precision::kInt8>},
  };
  add_dense_float_kernels(table);
  add_sparse_float_kernels(table);
  return table;
}

/// May code for `needs` run on `target`?
bool runs_on(Target needs, Target target) {
  return needs == Target::kScalar || needs == target || (needs == Target::kAvx2 && target == Target::kAvx512);
}

const LinearKernel* best(const LinearSource& source, Precision precision, Target target, bool sparse) {
  const auto table = linear_kernels();
  const auto found = std::find_if(table.rbegin(), table.rend(), [&](const LinearKernel& kernel) {
    return kernel.precision == precision && runs_on(kernel.needs, target) && kernel.sparse == sparse &&
           kernel.takes(source);
  });
  return found == table.rend() ? nullptr : &*found;
}

}  // namespace

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::kF32:
      return "f32";
    case Precision::kBf16:
      return "bf16";
    default:
      return "int8";
  }
}

std::span<const LinearKernel> linear_kernels() {
  static const std::vector<LinearKernel> table = all_kernels();
  return table;
}

LinearChoice make_linear(const LinearSource& source, Precision precision, Target target, bool dense) {
  const LinearKernel* kernel = dense ? nullptr : best(source, precision, target, true);
  if (kernel == nullptr) kernel = best(source, precision, target, false);
  if (kernel == nullptr) kernel = best(source, precision, target, true);
  if (kernel == nullptr) fail("kernels", "no kernel for {} weights on {}", name_of(precision), name_of(target));
  return {kernel->make(source), kernel->name, source.packed ? source.packed->pattern.str() : "dense"};
}

}  // namespace nxm
