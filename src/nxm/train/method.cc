// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/method.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/train/admm.h"
#include "nxm/train/reconstruct.h"

namespace nxm {
namespace {

constexpr std::array kMethods{
    MethodEntry{"dense", make_dense, false},    MethodEntry{"permute", make_permute, false},
    MethodEntry{"oneshot", make_oneshot, true}, MethodEntry{"asp", make_asp, true},
    MethodEntry{"admm", make_admm, true},       MethodEntry{"admm-unstructured", make_admm_unstructured, false},
    MethodEntry{"gradual", make_gradual, true}, MethodEntry{"sr-ste", make_sr_ste, true},
    MethodEntry{"masked", make_masked, true},
};

}  // namespace

std::span<const MethodEntry> method_table() { return kMethods; }

const MethodEntry& find_method(std::string_view name) {
  const auto found = std::ranges::find(kMethods, name, &MethodEntry::name);
  if (found != kMethods.end()) return *found;
  std::vector<std::string_view> names;
  names.reserve(kMethods.size());
  for (const MethodEntry& entry : kMethods) names.push_back(entry.name);
  fail_usage("method", "unknown method '{}'{}; there are {}", name, did_you_mean(name, names), quoted_list(names));
}

int64_t moving_steps(const StageContext& context) {
  return std::max<int64_t>(1, std::llround((1 - context.spec.settle) * static_cast<double>(context.steps)));
}

void prune_by_criterion(StageContext& context, bool freeze) {
  at::NoGradGuard no_gradient;
  const StageSpec& spec = context.spec;
  if (spec.criterion == "magnitude") return prune_by_magnitude(context, freeze);
  const std::vector<at::Tensor> grams = context.calibrate(spec.calibration);
  for (size_t i = 0; i < grams.size(); ++i) {
    Slot& slot = *context.layers[i];
    const std::string& name = slot.parameter.name;
    at::Tensor weight = slot.parameter.tensor.detach();
    const at::Tensor pruned = spec.criterion == "alps" ? reconstruct(weight, grams[i], spec.pattern, name, context.pool)
                                                       : project_tensor(weight, spec.pattern, name, context.pool,
                                                                        nullptr, grams[i].diagonal().expand_as(weight));
    weight.copy_(pruned);
  }
  if (freeze) prune_by_magnitude(context, true);  // the weights hold the pattern: only their masks are taken
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
