// SPDX-License-Identifier: Apache-2.0
#pragma once
// The numbers a stage gets that its recipe does not name: one row a method, one row an ADMM preset. Tune them here.

#include <span>
#include <string_view>

#include "nxm/recipe/recipe.h"

namespace nxm {

/// What recipes know of a method; what it does is train/method.h's.
struct MethodDefaults {
  std::string_view name;
  double epochs;
  double lr;
  int64_t batch;
  double settle;
  bool sparse;       ///< its result holds a pattern
  bool after_dense;  ///< starts from the nearest dense or permute stage above, not from the stage above
  std::string_view doc;
};

/// Defaults of the keys that only `admm` has.
struct PresetDefaults {
  std::string_view name;
  double warmup;
  double rho;
  std::string_view rho_schedule;
  double pull;
  double dual;
  std::string_view every;
  std::string_view criterion;
  double settle;
  std::string_view doc;
};

std::span<const MethodDefaults> method_defaults();
std::span<const PresetDefaults> preset_defaults();

/// The row, or nullptr.
const MethodDefaults* find_method_defaults(std::string_view name);

/// "admm" and "admm-unstructured".
bool is_admm(std::string_view method);

/// A stage of `method` as it is if the recipe says no more; method "admm" with the keys of `preset`.
StageSpec default_stage(const MethodDefaults& method, const PresetDefaults& preset);

}  // namespace nxm
