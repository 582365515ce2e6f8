// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/torch_info.h"
#include "nxm/train/device.h"

namespace nxm::cli {

std::optional<TorchInfo> torch_info() {
  return TorchInfo{NXM_TORCH_VERSION, describe(choose_compute("auto", "auto", 0))};
}

}  // namespace nxm::cli
