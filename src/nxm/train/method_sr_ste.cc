// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/admm.h"
#include "nxm/train/method.h"

namespace nxm {
namespace {

// SR-STE (Zhou et al., arXiv 2102.04010): the forward pass sees Pi(W), its gradient g goes to all of W as it is, and
// W is updated by g + lambda (W - Pi(W)), a decay of the weights left out.
class SrSte final : public Method {
 public:
  void before_forward(StageContext& context) override {
    at::NoGradGuard no_gradient;
    dense_.clear();
    for (Slot* slot : context.layers) {
      at::Tensor weight = slot->parameter.tensor.detach();
      dense_.push_back(weight.clone());
      slot->target = project_tensor(weight, context.spec.pattern, slot->parameter.name, context.pool);
      weight.copy_(slot->target);
    }
  }

  void before_update(StageContext& context) override {
    for (size_t i = 0; i < dense_.size(); ++i) context.layers[i]->parameter.tensor.detach().copy_(dense_[i]);
  }

  AdamW::StepSize pull(const StageContext& context, int64_t) const override { return {0, context.spec.lambda, 0}; }
  [[nodiscard]] bool prunes(const StageContext&) const override { return true; }
  void finish(StageContext& context) override { prune_by_magnitude(context, /*freeze=*/false); }

 private:
  std::vector<at::Tensor> dense_;  // W while the model holds Pi(W)
};

}  // namespace

std::unique_ptr<Method> make_sr_ste() { return std::make_unique<SrSte>(); }

}  // namespace nxm
