// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/torch_info.h"
#include "nxm/train/finetune.h"

namespace nxm::cli {

std::optional<TorchInfo> torch_info() { return TorchInfo{NXM_TORCH_VERSION, default_compute()}; }

}  // namespace nxm::cli
