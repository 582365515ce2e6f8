// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/linear.h"

#include <algorithm>
#include <utility>

#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/reference.h"

namespace nxm {
namespace {

template <Precision kPrecision>
std::unique_ptr<Linear> reference(const LinearSource& source) {
  return make_reference(source, kPrecision, kInt8Levels);
}

std::vector<LinearKernel> all_kernels() {
  std::vector<LinearKernel> table = {
      {"f32_scalar", Precision::kF32, Target::kScalar, true, 0, takes_any, reference<Precision::kF32>},
      {"bf16_scalar", Precision::kBf16, Target::kScalar, true, 0, takes_any, reference<Precision::kBf16>},
      {"int8_scalar", Precision::kInt8, Target::kScalar, true, kInt8Levels, takes_any, reference<Precision::kInt8>},
  };
  add_dense_float_kernels(table);
  add_sparse_float_kernels(table);
  add_int8_kernels(table);
  return table;
}

/// May code for `needs` run on `target`?
bool runs_on(Target needs, Target target) { return needs == Target::kScalar || needs == target; }

const LinearKernel* best(const LinearSource& source, Precision precision, Target target, bool sparse) {
  const auto table = linear_kernels();
  const auto found = std::find_if(table.rbegin(), table.rend(), [&](const LinearKernel& kernel) {
    return kernel.precision == precision && runs_on(kernel.needs, target) && kernel.sparse == sparse &&
           kernel.takes(source);
  });
  return found == table.rend() ? nullptr : &*found;
}

/// Does a sparse kernel beat nxm's dense one? f32 and bf16: in every pattern that there is a kernel for. int8: a step
/// takes four kept weights of a window of 16 inputs, and costs more than a dense one.
bool pays(const Pattern& pattern, Precision precision) {
  if (precision != Precision::kInt8) return true;
  const int groups = 16 / pattern.of;
  const int steps = (groups * pattern.keep + 3) / 4;
  return 7 * steps <= groups * pattern.of;  // at most two steps for 14 to 16 inputs, where dense takes four
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
  if (!pays(source.packed->pattern, precision)) {
    return choice(*expanded, pattern + " is slower sparse than dense: expanded");
  }
  return choice(*sparse, pattern + " has a kernel of its own");
}

}  // namespace nxm
