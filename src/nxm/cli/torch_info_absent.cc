// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/torch_info.h"

namespace nxm::cli {

std::optional<TorchInfo> torch_info() { return std::nullopt; }

}  // namespace nxm::cli
