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
  add_amx_kernels(table);
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

bool worthwhile(const LinearKernel& kernel, const Pattern& pattern) {
  return kernel.cost == nullptr || kernel.cost(pattern) <= kWorthwhile;
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
  if (precision == Precision::kInt8 && source.inputs() > kInt8Inputs) {
    LinearChoice wide = make_linear(source, Precision::kF32, target, dense);
    wide.why += fmt::format("; f32, for sums of over {} inputs may not fit int8's 32 bits", kInt8Inputs);
    return wide;
  }
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
  if (!worthwhile(*sparse, source.packed->pattern)) {
    return choice(*expanded, fmt::format("{} sparse is estimated at {:.2f} of dense: expanded", pattern,
                                         sparse->cost(source.packed->pattern)));
  }
  return choice(*sparse, pattern + " has a kernel of its own");
}

bool runs_sparse(const Pattern& pattern, int64_t outputs, int64_t inputs, Precision precision, Target target) {
  if (precision == Precision::kInt8 && inputs > kInt8Inputs) precision = Precision::kF32;
  LinearSource source;
  source.packed = PackedView{};
  source.packed->pattern = pattern;
  source.packed->rows = outputs;
  source.packed->cols = inputs;
  const LinearKernel* sparse = best(source, precision, target, true);
  if (best(source, precision, target, false) == nullptr) return sparse != nullptr;
  return sparse != nullptr && sparse->needs != Target::kScalar && worthwhile(*sparse, pattern);
}

}  // namespace nxm
