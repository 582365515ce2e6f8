// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/method.h"

#include <algorithm>
#include <array>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/train/admm.h"

namespace nxm {
namespace {

constexpr std::array kMethods{
    MethodEntry{"dense", make_dense, false, false},  MethodEntry{"oneshot", make_oneshot, true, false},
    MethodEntry{"asp", make_asp, true, false},       MethodEntry{"admm", make_admm, true, true},
    MethodEntry{"masked", make_masked, true, false},
};

}  // namespace

std::span<const MethodEntry> method_table() { return kMethods; }

const MethodEntry& find_method(std::string_view name) {
  const auto found = std::ranges::find(kMethods, name, &MethodEntry::name);
  if (found != kMethods.end()) return *found;
  std::vector<std::string_view> names;
  for (const MethodEntry& entry : kMethods) names.push_back(entry.name);
  fail_usage("method", "unknown method '{}'{}; there are {}", name, did_you_mean(name, names), quoted_list(names));
}

void prune_by_magnitude(StageContext& context, bool freeze) {
  at::NoGradGuard no_gradient;
  for (Slot* slot : context.layers) {
    at::Tensor weight = slot->parameter.tensor.detach();
    at::Tensor mask;
    weight.copy_(project_tensor(weight, context.spec.pattern, slot->parameter.name, context.pool, &mask));
    if (freeze) slot->mask = mask.to(weight.device());
  }
}

}  // namespace nxm
