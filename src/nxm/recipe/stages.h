// SPDX-License-Identifier: Apache-2.0
#pragma once
// What stages say of one another: names, `from`, and which of them a mask comes from.

#include <string>
#include <vector>

#include "nxm/recipe/recipe.h"

namespace nxm {

/// A stage as read, and which of the keys that depend on other stages the recipe gave.
struct StageDraft {
  StageSpec spec;
  bool has_from = false;
  bool has_pattern = false;
  std::string where;  ///< place of its [[stage]]
};

/// The names of stages from what the recipe says: those given, and for the others the method, with -2, -3 if taken.
std::vector<std::string> stage_names(const std::vector<std::string>& methods, const std::vector<std::string>& given);

/// Whether one of the stages before the `index`th has that name.
bool is_stage_above(const std::vector<StageSpec>& stages, size_t index, std::string_view name);

/// Fills in names, `from` and the pattern of masked stages, and checks the order. Throws UsageError(where).
std::vector<StageSpec> link_stages(std::vector<StageDraft> drafts);

}  // namespace nxm
