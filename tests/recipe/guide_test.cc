// SPDX-License-Identifier: Apache-2.0
// What nxm hands out about recipes is true: the recipes of this repository, `nxm init`, docs/recipes.md.

#include <algorithm>
#include <filesystem>

#include "nxm/io/atomic_file.h"
#include "nxm/metrics/metrics.h"
#include "nxm/recipe/keys.h"
#include "recipe/support.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = fs::path(NXM_TEST_DATA) / ".." / "..";

TEST(Guide, EveryGlueTaskHasARecipeWithAllMethods) {
  for (const Task& task : task_table()) {
    if (task.name == "reviews") continue;
    SCOPED_TRACE(task.name);
    const fs::path file = kRoot / "recipes" / "glue" / (task.name + ".toml");
    const Recipe recipe = Recipe::load(file);
    EXPECT_EQ(recipe.task.name, task.name);
    std::vector<std::string> methods;
    for (const StageSpec& stage : recipe.stages) methods.push_back(stage.method);
    EXPECT_EQ(methods, (std::vector<std::string>{"dense", "oneshot", "asp", "admm", "masked"}));
    EXPECT_EQ(recipe.stages[2].epochs, recipe.stages[3].epochs + recipe.stages[4].epochs) << "a fair comparison";
    const std::string text = read_file(file);
    expect_has(text, "nxm finetune recipes/glue/" + task.name + ".toml --out");
    EXPECT_TRUE(text.starts_with("# "));
    expect_has(text, "# Expected: ");
  }
  EXPECT_EQ(Recipe::load(kRoot / "recipes" / "demo.toml").task.name, "reviews");
}

TEST(Guide, InitWritesEveryKeyThatHasAnEffectAndReadsBack) {
  const auto check = [](std::string_view name, bool described) {
    const std::string text = commented_recipe(name);
    const Recipe recipe = Recipe::parse(text, "r.toml");
    EXPECT_EQ(recipe.custom_task, described);
    for (const std::string_view section : kSections) {
      for (const std::string_view key : key_names(section)) {
        const auto keys = task_keys();
        const auto found = std::ranges::find(keys, key, &Key<TaskSpec>::name);
        const bool columns = section == "task" && found->use == Use::kDescribed;
        const bool weights = section == "task" && key == "class_weights";
        // No stage of it is an sr-ste, and how many layers a teacher has is not known.
        const bool stage = section == "stage" && (key == "lambda" || key == "layers");
        const bool there = text.find("\n" + std::string(key) + " = ") != std::string::npos;
        EXPECT_TRUE(there || stage || (!described && (columns || weights))) << section << " " << key;
      }
    }
  };
  for (const Task& task : task_table()) check(task.name, false);
  check("", true);
  check("custom", true);
  EXPECT_THROW(commented_recipe("mrcp"), UsageError);
}

TEST(Guide, DocsHaveTheTablesOfTheKeys) { expect_has(read_file(kRoot / "docs" / "recipes.md"), key_reference()); }

TEST(Guide, MetricsAreThoseThatThereAre) {
  const auto keys = task_keys();
  EXPECT_EQ(std::ranges::find(keys, "metrics", &Key<TaskSpec>::name)->choices(), metric_names());
}

TEST(Guide, HuggingFaceSpellingsLeadToOurKeys) {
  const struct {
    const char *section, *theirs, *ours;
  } cases[] = {
      {"stage", "learning_rate", "'lr'?"},
      {"stage", "num_train_epochs", "'epochs'?"},
      {"stage", "per_device_train_batch_size", "'batch'?"},
      {"stage", "max_seq_length", "'max_length'?"},
      {"stage", "warmup_steps", "'warmup'?"},
      {"stage", "metric_for_best_model", "'best'?"},
      {"", "model_name_or_path", "'path' in [model]?"},
      {"", "task_name", "'name' in [task]?"},
      {"task", "train_file", "'train'?"},
      {"task", "validation_file", "'dev'?"},
      {"task", "test_file", "'test'?"},
      {"task", "max_train_samples", "'limit'?"},
      {"task", "max_seq_length", "'max_length' in [[stage]]?"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(suggest_key(c.section, c.theirs), std::string(" (did you mean ") + c.ours + ")");
  for (const std::string_view section : kSections) {
    for (const std::string_view key : key_names(section)) {
      for (const std::string_view other : kSections) {
        const auto names = key_names(other);
        if (std::ranges::count(names, key) == 0) expect_has(suggest_key(other, key), " (it belongs in ");
      }
    }
  }
}

}  // namespace
}  // namespace nxm
