// SPDX-License-Identifier: Apache-2.0
// What nxm tells people about recipes: the one that `nxm init` writes, and the tables of docs/recipes.md.

#include <fmt/format.h>

#include <set>

#include "nxm/recipe/defaults.h"
#include "nxm/recipe/keys.h"
#include "nxm/recipe/lines.h"
#include "nxm/recipe/stages.h"
#include "nxm/recipe/task_spec.h"
#include "nxm/recipe/value.h"

namespace nxm {
namespace {

using Cells = std::vector<std::string>;

std::string row(const Cells& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) text += " " + cell + " |";
  return text + "\n";
}

std::string header(const Cells& cells) { return row(cells) + row(Cells(cells.size(), "---")); }

// The default of a key over several owners: their value if they agree, else "by …".
template <typename Owner>
std::string default_text(const Key<Owner>& key, std::span<const Owner> owners) {
  std::set<std::string> values;
  for (const Owner& owner : owners) values.insert(value_text(key, owner));
  if (values.size() > 1) return key.use == Use::kAdmm || key.use == Use::kMoving ? "by preset" : "by method";
  const std::string& value = *values.begin();
  return value == "[]" || value == "\"\"" ? "" : "`" + value + "`";
}

template <typename Owner>
std::string section_table(std::string_view section, std::span<const Key<Owner>> keys, std::span<const Owner> owners) {
  std::string text = fmt::format("### {}\n\n", section.empty() ? "Top level" : "`" + section_title(section) + "`");
  text += header({"key", "value", "default", "meaning"});
  for (const Key<Owner>& key : keys) {
    const bool told = key.name == "method" || key.name == "name" || key.name == "format" || key.name == "preset" ||
                      key.name == "header";
    text += row(
        {fmt::format("`{}`", key.name), expectation(key), told ? "" : default_text(key, owners), std::string(key.doc)});
  }
  return text + "\n";
}

Task example_task() {
  TaskSpec spec;
  spec.name = "custom";
  spec.train = "train.tsv";
  spec.dev = "dev.tsv";
  spec.test = "test.tsv";
  spec.text = {"text"};
  spec.label = "label";
  spec.labels = {"no", "yes"};
  spec.class_weights = {1, 1};
  return make_task(spec, true, false, "init");
}

}  // namespace

std::string commented_recipe(std::string_view task_name) {
  Recipe recipe;
  recipe.custom_task = task_name.empty() || task_name == "custom";
  recipe.task = recipe.custom_task ? example_task() : find_task(task_name);
  recipe.model = "~/.cache/nxm/demo/model";
  recipe.data = "data";
  std::vector<StageDraft> drafts;
  for (const std::string_view method : {"dense", "oneshot", "admm", "masked"}) {
    drafts.push_back({default_stage(*find_method_defaults(method), preset_defaults().front()), false, false, "init"});
  }
  drafts.back().spec.teacher = "dense";
  recipe.stages = link_stages(std::move(drafts));
  return "# Run it:      nxm finetune RECIPE.toml --out runs/first\n"
         "# Change a key: nxm finetune RECIPE.toml --out runs/second --set stage.admm.epochs=3\n"
         "# Every key but model.path, [task] and each stage's method may be left out.\n\n" +
         lines_text(recipe_lines(recipe), true);
}

std::string key_reference() {
  std::vector<StageSpec> stages, admm;
  for (const MethodDefaults& method : method_defaults()) {
    for (const PresetDefaults& preset : preset_defaults()) stages.push_back(default_stage(method, preset));
  }
  const Recipe recipe[1];
  const TaskSpec task[1];
  std::string text =
      section_table<Recipe>("", top_keys(), recipe) + section_table<Recipe>("model", model_keys(), recipe) +
      section_table<TaskSpec>("task", task_keys(), task) + section_table<StageSpec>("stage", stage_keys(), stages);
  text += "### Defaults by method\n\n" + header({"method", "epochs", "lr", "batch", "settle", "what it does"});
  for (const MethodDefaults& m : method_defaults()) {
    text += row({fmt::format("`{}`", m.name), fmt::format("{}", m.epochs), fmt::format("{}", m.lr),
                 fmt::format("{}", m.batch), is_admm(m.name) ? "by preset" : fmt::format("{}", m.settle),
                 std::string(m.doc)});
  }
  text += "\n### Defaults by preset\n\n" + header({"preset", "warmup", "rho", "rho_schedule", "pull", "dual", "every",
                                                   "criterion", "settle", "what it is"});
  for (const PresetDefaults& p : preset_defaults()) {
    text += row({fmt::format("`{}`", p.name), fmt::format("{}", p.warmup), fmt::format("{}", p.rho),
                 std::string(p.rho_schedule), fmt::format("{}", p.pull), fmt::format("{}", p.dual),
                 std::string(p.every), std::string(p.criterion), fmt::format("{}", p.settle), std::string(p.doc)});
  }
  return text;
}

}  // namespace nxm
