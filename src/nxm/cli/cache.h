// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where nxm keeps files of its own between runs. Models from a hub are elsewhere (io/hub.h).

#include <filesystem>

#include "nxm/core/env.h"

namespace nxm::cli {

/// $NXM_CACHE, else $XDG_CACHE_HOME/nxm, else ~/.cache/nxm.
inline std::filesystem::path cache_folder() {
  if (const auto folder = env::get("NXM_CACHE")) return *folder;
  if (const auto caches = env::get("XDG_CACHE_HOME")) return std::filesystem::path(*caches) / "nxm";
  return env::home() / ".cache" / "nxm";
}

}  // namespace nxm::cli
