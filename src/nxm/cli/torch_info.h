// SPDX-License-Identifier: Apache-2.0
#pragma once
// What LibTorch brings to this build, if it is in it.

#include <optional>
#include <string>

namespace nxm::cli {

struct TorchInfo {
  std::string version;
  std::string compute;  ///< where training runs by default: "cpu, bf16, 2 threads"
};

std::optional<TorchInfo> torch_info();

}  // namespace nxm::cli
