// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/defaults.h"

#include <algorithm>
#include <array>

namespace nxm {
namespace {

// Without it the first steps now and then wreck a model (docs/results.md, "Warm-up").
constexpr double kWarmup = 0.1;

constexpr std::array kMethods{
    //             name       epochs    lr  batch settle sparse after_dense
    MethodDefaults{"dense", 3, 5e-5, 32, 0, false, false,
                   "plain fine-tuning, the reference. Small encoders (MiniLM) like lr = 1e-4"},
    MethodDefaults{
        "permute", 0, 5e-5, 32, 0, false, true,
        "puts the channels between two linears in an order in which the pattern keeps more; changes no output"},
    MethodDefaults{"oneshot", 0, 5e-5, 32, 0, true, true, "keeps the largest weights of each group; no training"},
    MethodDefaults{"asp", 5, 5e-5, 16, 0, true, true, "one-shot mask, then fine-tuning with that mask"},
    MethodDefaults{"admm", 5, 5e-5, 16, 0, true, true,
                   "fine-tuning that pulls the weights into the pattern, mask free to move"},
    MethodDefaults{"admm-unstructured", 5, 5e-5, 16, 0, false, true,
                   "admm with the pattern's share of each layer wherever its weights are: what the pattern costs"},
    MethodDefaults{"gradual", 5, 5e-5, 16, 0.5, true, true,
                   "magnitude pruning bit by bit on a cubic schedule while fine-tuning"},
    MethodDefaults{"sr-ste", 5, 5e-5, 16, 0, true, true,
                   "forward with the weights pruned anew each step, straight-through gradient to all of them"},
    MethodDefaults{"masked", 1, 5e-5, 16, 0, true, false, "fine-tuning with the mask of the stage it starts from"},
};

constexpr std::array kPresets{
    //             name  warmup  rho  schedule  pull dual every criterion settle
    PresetDefaults{"converge", kWarmup, 0, "constant", 8, 0, "0.25 epoch", "alps", 0,
                   "least-squares first mask, decoupled pull that grows over the stage"},
    PresetDefaults{"paper", 0, 1e-3, "constant", 0, 1, "epoch", "magnitude", 0,
                   "the published schedule: rho through the gradient"},
};

}  // namespace

std::span<const MethodDefaults> method_defaults() { return kMethods; }
std::span<const PresetDefaults> preset_defaults() { return kPresets; }

const MethodDefaults* find_method_defaults(std::string_view name) {
  const auto found = std::ranges::find(kMethods, name, &MethodDefaults::name);
  return found == kMethods.end() ? nullptr : &*found;
}

bool is_admm(std::string_view method) { return method == "admm" || method == "admm-unstructured"; }

StageSpec default_stage(const MethodDefaults& method, const PresetDefaults& preset) {
  StageSpec stage;
  stage.method = method.name;
  stage.epochs = method.epochs;
  stage.lr = method.lr;
  stage.batch = method.batch;
  stage.warmup = is_admm(method.name) ? preset.warmup : kWarmup;
  stage.preset = preset.name;
  stage.rho = preset.rho;
  stage.rho_schedule = preset.rho_schedule;
  stage.pull = preset.pull;
  stage.dual = preset.dual;
  stage.every = preset.every;
  if (method.name == "admm") stage.criterion = preset.criterion;
  stage.settle = is_admm(method.name) ? preset.settle : method.settle;
  return stage;
}

}  // namespace nxm
