// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/reference.h"

namespace nxm {
namespace {

template <Precision kPrecision, int kXBits>
std::unique_ptr<Linear> reference(const LinearSource& source) {
  return make_reference(source, kPrecision, kXBits);
}

std::vector<LinearKernel> all_kernels() {
  std::vector<LinearKernel> table = {
      {"f32_scalar", Precision::kF32, Target::kScalar, true, 32, takes_any, reference<Precision::kF32, 32>},
      {"bf16_scalar", Precision::kBf16, Target::kScalar, true, 32, takes_any, reference<Precision::kBf16, 32>},
      {"int8_scalar", Precision::kInt8, Target::kScalar, true, 8, takes_any, reference<Precision::kInt8, 8>},
  };
  add_dense_float_kernels(table);
  add_sparse_float_kernels(table);
  add_int8_kernels(table);
  add_avx512_kernels(table);
  return table;
}

/// The largest cost of a sparse kernel that is chosen.
constexpr double kWorthwhile = 0.95;

const LinearKernel* best(const LinearSource& source, Precision precision, Target target, bool sparse) {
  const auto table = linear_kernels();
  const auto found = std::find_if(table.rbegin(), table.rend(), [&](const LinearKernel& kernel) {
    return kernel.precision == precision && includes(target, kernel.needs) && kernel.sparse == sparse &&
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
  const LinearKernel* sparse = source.packed && !dense ? best(source, precision, target, true) : nullptr;
  const LinearKernel* expanded = best(source, precision, target, false);
  const auto choice = [&](const LinearKernel& kernel, std::string why) {
    return LinearChoice{kernel.make(source), kernel.name, std::move(why)};
  };
  const std::string pattern = source.packed ? source.packed->pattern.str() : "";
  if (expanded == nullptr) return choice(*best(source, precision, target, true), "no kernel but the reference");
  if (!source.packed) return choice(*expanded, "not sparse");
  if (dense) return choice(*expanded, pattern + " runs dense as asked");
  if (sparse == nullptr || sparse->needs == Target::kScalar) {
    return choice(*expanded, pattern + " has no sparse kernel here: expanded");
  }
  const double cost = sparse->cost == nullptr ? 0 : sparse->cost(source.packed->pattern);
  if (cost > kWorthwhile) {
    return choice(*expanded, fmt::format("{} sparse takes {:.2f} of dense's instructions: expanded", pattern, cost));
  }
  return choice(*sparse, pattern + " has a kernel of its own");
}

}  // namespace nxm
