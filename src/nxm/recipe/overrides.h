// SPDX-License-Identifier: Apache-2.0
#pragma once
// --set key=value, put into the recipe's TOML before it is read.

#include <toml++/toml.h>

#include <string_view>

namespace nxm {

/// `text` as "seed=7", "task.limit=100", "stage.1.rho=4e-3" (stages count from 0) or "stage.admm.rho=4e-3". Spaces
/// around the = do not count. The value is TOML; what is not TOML is taken as text. Throws UsageError("--set …").
void apply_override(toml::table& recipe, std::string_view text);

}  // namespace nxm
