// SPDX-License-Identifier: Apache-2.0
#pragma once
// The table of recipe keys: name, where the value goes, what it may be, what it means. Reading, --set, writing, `nxm
// init` and docs/recipes.md all go through it. Defaults are those of a default-constructed owner, and defaults.h's for
// stages.

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "nxm/recipe/recipe.h"

namespace nxm {

/// [task] as written; task_spec.h makes a Task of it.
struct TaskSpec {
  std::string name;
  std::string data = ".";
  int64_t limit = 0;
  std::string kind = "classification";
  std::string train, dev, test;
  std::vector<std::string> text;
  std::string label;
  std::vector<std::string> labels;
  std::vector<std::string> metrics;
  std::vector<double> class_weights;
  std::string format;
  bool header = true;
};

/// Who has use for a key; in the table of another it is read, checked and without effect.
enum class Use {
  kAll,
  kDescribed,  ///< [task]: tasks that the recipe describes
  kTrained,    ///< [[stage]]: every method but permute and oneshot
  kSparse,     ///< [[stage]]: methods that go by a pattern
  kTaught,     ///< [[stage]]: with a teacher
  kFirstMask,  ///< [[stage]]: methods with a criterion: permute, oneshot, asp, admm
  kAdmm,       ///< [[stage]]: admm
  kMoving,     ///< [[stage]]: methods whose mask moves: admm, gradual
  kSrSte,      ///< [[stage]]: sr-ste
};

template <typename Owner>
using Field = std::variant<bool Owner::*, int Owner::*, int64_t Owner::*, uint64_t Owner::*, double Owner::*,
                           std::string Owner::*, Pattern Owner::*, std::vector<std::string> Owner::*,
                           std::vector<double> Owner::*, std::vector<int64_t> Owner::*>;

template <typename Owner>
struct Key {
  std::string_view name;
  Field<Owner> field;
  std::string_view doc;
  Use use = Use::kAll;
  double min = 0;                                        ///< numbers: the least
  double max = 0;                                        ///< numbers: the greatest
  bool above_min = false;                                ///< numbers: min itself is not allowed
  bool or_number = false;                                ///< text: a whole number >= 0 stands for its digits
  std::vector<std::string_view> (*choices)() = nullptr;  ///< text: one of these; nullptr = `valid` decides
  bool (*valid)(std::string_view) = nullptr;             ///< text: what it may be; nullptr = anything but nothing
  std::string_view expected = {};                        ///< … in words
};

std::span<const Key<Recipe>> top_keys();
std::span<const Key<Recipe>> model_keys();
std::span<const Key<TaskSpec>> task_keys();
std::span<const Key<StageSpec>> stage_keys();

/// Sections in the order of a recipe: "" (top level), "model", "task", "stage".
inline constexpr std::string_view kSections[] = {"", "model", "task", "stage"};
std::vector<std::string_view> key_names(std::string_view section);
/// "[[stage]]", "[task]", "the top level".
std::string section_title(std::string_view section);

/// What to say of a key that `section` has not: " (did you mean 'lr'?)", also for Hugging Face's spellings and for keys
/// of another section; or "".
std::string suggest_key(std::string_view section, std::string_view key);

/// Whether the stage's method, or the task, has use for a key.
bool concerns(Use use, const StageSpec& stage);

}  // namespace nxm
