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
  void begin(StageContext& context) override {
    attach(context);
    for (AdmmLayer& layer : layers_) admm_start(layer, context.spec.pattern, context.pool);
    retarget(context);
  }

  AdamW::StepSize pull(const StageContext& context, int64_t step) const override {
    // Linear ramps: rho_t = rho t/N, and p_t = pull * t / (1 + 2 + … + N), so that the p_t sum to pull.
    const double n = static_cast<double>(context.steps), t = static_cast<double>(step);
    const double rho = context.spec.rho * (context.spec.rho_schedule == "linear" ? t / n : 1);
    return {0, rho, std::min(1.0, context.spec.pull * 2 * t / (n * (n + 1)))};
  }

  std::optional<OrderedJson> after_step(StageContext& context, int64_t step) override {
    if (step % interval_ != 0 && step != context.steps) return std::nullopt;
    const AdmmReport report = admm_update(layers_, context.spec.pattern, context.spec.dual, context.pool);
    retarget(context);
    return OrderedJson{{"primal", report.primal},
                       {"dual", report.dual},
                       {"mask_moved", report.moved},
                       {"mask_moved_from_first", report.moved_from_first}};
  }

  // W <- Pi(W): after convergence W is Z already.
  void finish(StageContext& context) override { prune_by_magnitude(context, /*freeze=*/false); }

  void save(TensorMap& into) const override {
    for (const AdmmLayer& layer : layers_) {
      into["z." + layer.name] = layer.z;
      into["u." + layer.name] = layer.u;
      into["z_mask." + layer.name] = layer.mask;
      into["first_mask." + layer.name] = layer.first_mask;
    }
  }

  void load(StageContext& context, const TensorMap& from) override {
    attach(context);
    for (AdmmLayer& layer : layers_) {
      const auto restore = [&](const char* kind, at::Device device) {
        const auto found = from.find(kind + layer.name);
        require(found != from.end() && found->second.sizes() == layer.weight.sizes(),
                "ADMM state does not fit: " + layer.name);
        return found->second.to(device).clone();
      };
      layer.z = restore("z.", layer.weight.device());
      layer.u = restore("u.", layer.weight.device());
      layer.mask = restore("z_mask.", at::kCPU);
      layer.first_mask = restore("first_mask.", at::kCPU);
    }
    retarget(context);
  }

 private:
  void attach(StageContext& context) {
    const auto interval = parse_interval(context.spec.every, context.steps_per_epoch);
    if (!interval) fail_usage("admm", "every = \"{}\" is not an interval", context.spec.every);
    interval_ = *interval;
    layers_.clear();
    for (const Slot* slot : context.layers) {
      layers_.push_back({slot->parameter.name, slot->parameter.tensor, {}, {}, {}, {}});
    }
  }

  void retarget(StageContext& context) {
    for (size_t i = 0; i < layers_.size(); ++i) context.layers[i]->target = admm_target(layers_[i], context.spec.dual);
  }

  std::vector<AdmmLayer> layers_;
  int64_t interval_ = 1;  // steps between two Z- and U-steps
};

}  // namespace

std::unique_ptr<Method> make_admm() { return std::make_unique<Admm>(); }

}  // namespace nxm
