// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/lines.h"

#include <fmt/format.h>

#include <set>
#include <utility>

#include "nxm/recipe/keys.h"
#include "nxm/recipe/task_spec.h"
#include "nxm/recipe/value.h"

namespace nxm {
namespace {

template <typename Owner, typename Concerns>
void add_section(std::vector<RecipeLine>& lines, std::string_view section, const std::string& path,
                 std::span<const Key<Owner>> keys, const Owner& owner, Concerns concerns) {
  for (const Key<Owner>& key : keys) {
    if (!concerns(key.use)) continue;
    std::string value = value_text(key, owner);
    // Nothing given, and nothing to give: a recipe says it by leaving the key out.
    const bool may_be_empty = key.valid != nullptr && key.valid("");
    if (value == "[]" || (value == "\"\"" && !may_be_empty)) continue;
    lines.push_back({section, path, key.name, std::move(value), fmt::format("{} ({})", key.doc, expectation(key))});
  }
}

}  // namespace

std::vector<RecipeLine> recipe_lines(const Recipe& recipe) {
  TaskSpec task = spec_of(recipe.task, recipe.custom_task);
  task.data = recipe.data.string();
  task.limit = recipe.limit;

  std::vector<RecipeLine> lines;
  const auto all = [](Use) { return true; };
  add_section(lines, "", "", top_keys(), recipe, all);
  add_section(lines, "model", "model.", model_keys(), recipe, all);
  add_section(lines, "task", "task.", task_keys(), task,
              [&](Use use) { return use == Use::kAll || recipe.custom_task; });
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    const StageSpec& stage = recipe.stages[i];
    add_section(lines, "stage", fmt::format("stage.{}.", i), stage_keys(), stage,
                [&](Use use) { return concerns(use, stage); });
  }
  return lines;
}

std::string lines_text(const std::vector<RecipeLine>& lines, bool comments) {
  std::string text, path;
  std::set<std::pair<std::string_view, std::string_view>> explained;
  for (const RecipeLine& line : lines) {
    if (line.path != path) text += fmt::format("\n{}\n", section_title(line.section));
    path = line.path;
    if (comments && explained.emplace(line.section, line.key).second) text += fmt::format("# {}\n", line.comment);
    text += fmt::format("{} = {}\n", line.key, line.value);
  }
  return text;
}

}  // namespace nxm
