// SPDX-License-Identifier: Apache-2.0
#pragma once
// One input of the recipe fuzzer: a recipe, then after a NUL byte overrides, one a line.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/recipe/recipe.h"

namespace nxm {

/// Refused with UsageError, or read; and then what is written reads back as the same.
inline void fuzz_recipe(std::string_view input) {
  const std::string_view toml = input.substr(0, input.find('\0'));
  std::vector<std::string> overrides;
  for (size_t at = toml.size() + 1; at < input.size();) {
    const size_t end = std::min(input.find('\n', at), input.size());
    overrides.emplace_back(input.substr(at, end - at));
    at = end + 1;
  }
  Recipe recipe;
  try {
    recipe = Recipe::parse(toml, "/fuzz/recipe.toml", overrides);
  } catch (const UsageError&) {
    return;
  }
  const std::string written = recipe.to_toml();
  const Recipe again = Recipe::parse(written, "/elsewhere/recipe.toml");
  if (again.to_toml() != written || !recipe_differences(recipe, again).empty()) {
    throw ContractError("a written recipe reads back as another:\n" + written);
  }
}

}  // namespace nxm
