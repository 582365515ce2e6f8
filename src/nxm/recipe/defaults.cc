// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/defaults.h"

#include <algorithm>
#include <array>

namespace nxm {
namespace {

constexpr std::array kMethods{
    //             name       epochs    lr  batch sparse after_dense
    MethodDefaults{"dense", 3, 5e-5, 32, false, false,
                   "plain fine-tuning, the reference. Small encoders (MiniLM) like lr = 1e-4"},
    MethodDefaults{"oneshot", 0, 5e-5, 32, true, true, "keeps the largest weights of each group; no training"},
    MethodDefaults{"asp", 5, 5e-5, 16, true, true, "one-shot mask, then fine-tuning with that mask"},
    MethodDefaults{"admm", 5, 5e-5, 16, true, true,
                   "fine-tuning that pulls the weights into the pattern, mask free to move"},
    MethodDefaults{"masked", 1, 5e-5, 16, true, false, "fine-tuning with the mask of the stage it starts from"},
};

constexpr std::array kPresets{
    //             name        rho  schedule  pull dual every
    PresetDefaults{"converge", 0, "constant", 8, 0, "0.25 epoch", "decoupled pull that grows over the stage"},
    PresetDefaults{"paper", 1e-3, "constant", 0, 1, "epoch", "the published schedule: rho through the gradient"},
};

}  // namespace

std::span<const MethodDefaults> method_defaults() { return kMethods; }
std::span<const PresetDefaults> preset_defaults() { return kPresets; }

const MethodDefaults* find_method_defaults(std::string_view name) {
  const auto found = std::ranges::find(kMethods, name, &MethodDefaults::name);
  return found == kMethods.end() ? nullptr : &*found;
}

StageSpec default_stage(const MethodDefaults& method, const PresetDefaults& preset) {
  StageSpec stage;
  stage.method = method.name;
  stage.epochs = method.epochs;
  stage.lr = method.lr;
  stage.batch = method.batch;
  stage.preset = preset.name;
  stage.rho = preset.rho;
  stage.rho_schedule = preset.rho_schedule;
  stage.pull = preset.pull;
  stage.dual = preset.dual;
  stage.every = preset.every;
  return stage;
}

}  // namespace nxm
