// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/train/admm.h"
#include "nxm/train/method.h"

namespace nxm {
namespace {

// The alternation of docs/method.md: the optimiser pulls W towards T = Z - dual*U, and every so often Z and U follow W.
class Admm final : public Method {
 public:
  explicit Admm(bool unstructured) : unstructured_(unstructured) {}

  void begin(StageContext& context) override {
    attach(context);
    rho_factor_ = 1;
    if (context.spec.criterion != "magnitude") prune_by_criterion(context, /*freeze=*/false);
    for (AdmmLayer& layer : layers_) admm_start(layer, context.spec.pattern, context.pool);
    retarget(context);
  }

  AdamW::StepSize pull(const StageContext& context, int64_t step) const override {
    if (step > moving_steps(context)) return {};
    // Linear ramps: rho_t = rho t/N, and p_t = pull * t / (1 + 2 + … + N), so that the p_t sum to pull.
    const double n = static_cast<double>(moving_steps(context)), t = static_cast<double>(step);
    const double rho = context.spec.rho * (context.spec.rho_schedule == "linear" ? t / n : rho_factor_);
    return {0, rho, std::min(1.0, context.spec.pull * 2 * t / (n * (n + 1)))};
  }

  std::optional<OrderedJson> after_step(StageContext& context, int64_t step) override {
    const int64_t moving = moving_steps(context);
    if (step > moving || (step % interval_ != 0 && step != moving)) return std::nullopt;
    const AdmmReport report = admm_update(layers_, context.spec.pattern, context.spec.dual, context.pool);
    if (context.spec.rho_schedule == "balanced")
      rho_factor_ = balance_rho(rho_factor_, /*settle=*/step > moving / 2, report, layers_);
    if (step == moving && moving < context.steps) {
      freeze(context);
    } else {
      retarget(context);
    }
    return OrderedJson{{"primal", report.primal},
                       {"dual", report.dual},
                       {"mask_moved", report.moved},
                       {"mask_moved_from_first", report.moved_from_first}};
  }

  [[nodiscard]] bool prunes(const StageContext& context) const override {
    return !context.layers.empty() && !context.layers.front()->mask.defined();
  }

  // W <- Pi(W): after convergence W is Z already, and in the frozen tail it stays so.
  void finish(StageContext& context) override {
    if (!prunes(context)) return;
    for (AdmmLayer& layer : layers_) {
      layer.weight.detach().copy_(project_layer(layer, layer.weight, context.spec.pattern, context.pool));
    }
  }

  void save(TensorMap& into) const override {
    into["rho_factor"] = at::scalar_tensor(rho_factor_);
    for (const AdmmLayer& layer : layers_) {
      into["z." + layer.name] = layer.z;
      into["u." + layer.name] = layer.u;
      into["z_mask." + layer.name] = layer.mask;
      into["first_mask." + layer.name] = layer.first_mask;
    }
  }

  void load(StageContext& context, const TensorMap& from) override {
    attach(context);
    const auto factor = from.find("rho_factor");
    require(factor != from.end() && factor->second.numel() == 1, "ADMM state holds no rho_factor");
    rho_factor_ = factor->second.item<double>();
    for (AdmmLayer& layer : layers_) {
      const auto restore = [&](const char* kind) {
        const auto found = from.find(kind + layer.name);
        require(found != from.end() && found->second.sizes() == layer.weight.sizes(),
                "ADMM state does not fit: " + layer.name);
        return found->second.clone();
      };
      layer.z = restore("z.");
      layer.u = restore("u.");
      layer.mask = restore("z_mask.");
      layer.first_mask = restore("first_mask.");
    }
    if (prunes(context)) retarget(context);
  }

 private:
  // The mask as it is, for good: W <- W * mask.
  void freeze(StageContext& context) {
    for (size_t i = 0; i < layers_.size(); ++i) {
      Slot& slot = *context.layers[i];
      slot.target = at::Tensor();
      slot.mask = layers_[i].mask.to(slot.parameter.tensor.device());
      slot.parameter.tensor.detach().mul_(slot.mask);
    }
  }

  void attach(StageContext& context) {
    const auto interval = parse_interval(context.spec.every, context.steps_per_epoch);
    if (!interval) fail_usage("admm", "every = \"{}\" is not an interval", context.spec.every);
    interval_ = *interval;
    layers_.clear();
    for (const Slot* slot : context.layers) {
      layers_.push_back({slot->parameter.name, slot->parameter.tensor, {}, {}, {}, {}, unstructured_});
    }
  }

  void retarget(StageContext& context) {
    for (size_t i = 0; i < layers_.size(); ++i) {
      Slot& slot = *context.layers[i];
      slot.target = admm_target(layers_[i], context.spec.dual).to(slot.parameter.tensor.device());
    }
  }

  bool unstructured_;
  std::vector<AdmmLayer> layers_;
  double rho_factor_ = 1;  // rho as balanced so far, over the recipe's; a power of two, exact in f32
  int64_t interval_ = 1;   // steps between two Z- and U-steps
};

}  // namespace

std::unique_ptr<Method> make_admm() { return std::make_unique<Admm>(false); }
std::unique_ptr<Method> make_admm_unstructured() { return std::make_unique<Admm>(true); }

}  // namespace nxm
