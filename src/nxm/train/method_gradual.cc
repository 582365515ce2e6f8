// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/train/admm.h"
#include "nxm/train/method.h"

namespace nxm {
namespace {

// Gradual magnitude pruning (Zhu and Gupta, arXiv 1710.01878) towards a pattern: after step t of the T in which the
// mask moves, the smallest s(t) = 1 - (1 - t/T)^3 of the weights that the pattern leaves out are pruned, chosen anew
// each time. A pruned weight is 0 and stays so.
class Gradual final : public Method {
 public:
  void begin(StageContext& context) override { attach(context); }

  void save(TensorMap& into) const override { into["gradual.settled"] = at::full({1}, settled_ ? 1 : 0, at::kByte); }

  void load(StageContext& context, const TensorMap& from) override {
    attach(context);
    const auto found = from.find("gradual.settled");
    require(found != from.end() && found->second.numel() == 1, "checkpoint lacks gradual.settled");
    settled_ = found->second.item<int>() != 0;
  }

  std::optional<OrderedJson> after_step(StageContext& context, int64_t step) override {
    const int64_t moving = moving_steps(context);
    if (step > moving || (step % interval_ != 0 && step != moving)) return std::nullopt;
    const double left = 1 - static_cast<double>(step) / static_cast<double>(moving);
    const double share = 1 - left * left * left;
    for (Slot* slot : context.layers) prune(context, *slot, share);
    settled_ = step == moving;
    return OrderedJson{{"pruned", share}};
  }

  [[nodiscard]] bool prunes(const StageContext&) const override { return !settled_; }
  void finish(StageContext& context) override { prune_by_magnitude(context, /*freeze=*/false); }

 private:
  void attach(const StageContext& context) {
    const auto interval = parse_interval(context.spec.every, context.steps_per_epoch);
    if (!interval) fail_usage("gradual", "every = \"{}\" is not an interval", context.spec.every);
    interval_ = *interval;
  }

  static void prune(const StageContext& context, Slot& slot, double share) {
    at::NoGradGuard no_gradient;
    at::Tensor weight = slot.parameter.tensor.detach();
    at::Tensor kept;
    project_tensor(weight, context.spec.pattern, slot.parameter.name, context.pool, &kept);
    const at::Tensor left_out = at::nonzero(kept.view({-1}) == 0).view({-1});
    const at::Tensor size = weight.abs().to(at::kCPU).view({-1}).index_select(0, left_out);
    const auto order = std::get<1>(at::sort(size, /*stable=*/std::optional<bool>(true), 0, /*descending=*/false));
    const int64_t count = std::llround(share * static_cast<double>(order.numel()));
    at::Tensor mask = at::ones({weight.numel()}, at::kByte);
    mask.index_fill_(0, left_out.index_select(0, order.narrow(0, 0, count)), 0);
    slot.mask = mask.view(weight.sizes()).to(weight.device());
    weight.mul_(slot.mask);
  }

  int64_t interval_ = 1;
  bool settled_ = false;
};

}  // namespace

std::unique_ptr<Method> make_gradual() { return std::make_unique<Gradual>(); }

}  // namespace nxm
