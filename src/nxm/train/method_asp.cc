// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/method.h"

namespace nxm {
namespace {

// NVIDIA's recipe: the mask by magnitude (or another criterion) once, then fine-tuning with the mask on.
class Asp final : public Method {
 public:
  void begin(StageContext& context) override { prune_by_criterion(context, /*freeze=*/true); }
};

}  // namespace

std::unique_ptr<Method> make_asp() { return std::make_unique<Asp>(); }

}  // namespace nxm
