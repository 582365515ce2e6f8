// SPDX-License-Identifier: Apache-2.0
#pragma once
// A resolved recipe as a flat list of keys and values, for whoever writes or compares recipes.

#include <string>
#include <string_view>
#include <vector>

#include "nxm/recipe/recipe.h"

namespace nxm {

struct RecipeLine {
  std::string_view section;  ///< one of kSections
  std::string path;          ///< of the section: "", "model.", "stage.1."
  std::string_view key;
  std::string value;    ///< TOML
  std::string comment;  ///< what the key means and may be
};

/// Every key that has an effect, in order.
std::vector<RecipeLine> recipe_lines(const Recipe& recipe);

/// "[task]" before the first key of each section. With `comments`, each key's at its first occurrence.
std::string lines_text(const std::vector<RecipeLine>& lines, bool comments);

}  // namespace nxm
