// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/engine.h"
#include "nxm/core/error.h"

namespace nxm::cli {

std::unique_ptr<Engine> load_torch_engine(const std::filesystem::path& /*folder*/, const RunOptions& /*options*/) {
  fail_usage("engine",
             "this nxm has no nxm-train beside it, which holds LibTorch; build with -DNXM_BUILD_TRAIN=ON, or leave "
             "--engine out");
}

}  // namespace nxm::cli
