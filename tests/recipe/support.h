// SPDX-License-Identifier: Apache-2.0
#pragma once
// Recipes for tests of recipes.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/recipe/recipe.h"

namespace nxm {

/// What parse() has against `toml`; "" if nothing. Anything but UsageError fails the test.
inline std::string complaint(const std::string& toml, const std::vector<std::string>& overrides = {}) {
  try {
    Recipe::parse(toml, "r.toml", overrides);
  } catch (const UsageError& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "not a UsageError: " << error.what();
  }
  return "";
}

inline const std::string kHead = "[model]\npath = 'm'\n[task]\nname = 'mrpc'\n";

/// The stages (from line 5 on) after a fine head.
inline std::string with_stages(const std::string& stages) { return kHead + stages; }

inline std::vector<StageSpec> stages_of(const std::string& stages) {
  return Recipe::parse(with_stages(stages), "r.toml").stages;
}

inline void expect_has(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

}  // namespace nxm
