// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/method.h"

namespace nxm {
namespace {

// Hard prune by the stage's criterion, no training after it.
class OneShot final : public Method {
 public:
  void finish(StageContext& context) override { prune_by_criterion(context, /*freeze=*/false); }
};

}  // namespace

std::unique_ptr<Method> make_oneshot() { return std::make_unique<OneShot>(); }

}  // namespace nxm
