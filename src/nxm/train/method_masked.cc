// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/train/method.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

// Fine-tuning with the mask that the weights already show. They satisfy the pattern, so the projection leaves them as
// they are and its mask is theirs (groups with fewer non-zeros than allowed get their lowest columns back).
class Masked final : public Method {
 public:
  void begin(StageContext& context) override {
    for (const Slot* slot : context.layers) {
      const at::Tensor weight = on_cpu(slot->parameter.tensor);
      const PatternReport found =
          check_pattern({weight.const_data_ptr<float>(), weight.size(0), weight.size(1)}, context.spec.pattern);
      if (!found.valid()) {
        fail_usage("masked",
                   "stage '{}' freezes a {} mask, but {} of {} groups of '{}' do not hold it. "
                   "Start it from a stage that prunes to {} (key 'from')",
                   context.spec.name, context.spec.pattern.str(), found.bad_groups, found.groups, slot->parameter.name,
                   context.spec.pattern.str());
      }
    }
    prune_by_magnitude(context, /*freeze=*/true);
  }
};

}  // namespace

std::unique_ptr<Method> make_masked() { return std::make_unique<Masked>(); }

}  // namespace nxm
