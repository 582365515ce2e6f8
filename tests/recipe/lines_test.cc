// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/lines.h"

#include <cmath>

#include "nxm/core/rng.h"
#include "recipe/support.h"

namespace nxm {
namespace {

// A recipe with random keys left out and random values in.
class RandomRecipe {
 public:
  explicit RandomRecipe(uint64_t seed) : rng_(seed, "random recipe") {}

  std::string text() {
    maybe("seed", std::to_string(rng_.below(1000000)));
    maybe("precision", pick({"'auto'", "'fp32'", "'bf16'"}));
    maybe("device", pick({"'cpu'", "'cuda'", "'cuda:3'"}));
    maybe("threads", std::to_string(rng_.below(64)));
    maybe("checkpoint_every", std::to_string(rng_.below(100)));
    maybe("keep_stages", pick({"true", "false"}));
    text_ +=
        "[model]\npath = " + pick({"'org/name'", "'a'", "'/x \"y\" z'", "\"/tab\\tq\\\\\"", "'/ü/語'"}) + "\n[task]\n";
    maybe("data", pick({"'.'", "'../x'", "'/y'"}));
    maybe("limit", std::to_string(rng_.below(100)));
    if (rng_.below(2) == 0) {
      text_ += "name = " + pick({"'mrpc'", "'stsb'", "'mnli'", "'CoLA'"}) + "\n";
    } else {
      describe();
    }
    const uint64_t stages = 1 + rng_.below(6);
    bool masked_may_follow = false;
    for (uint64_t i = 0; i < stages; ++i) {
      const std::string method =
          masked_may_follow && rng_.below(2) == 0 ? "masked" : pick({"dense", "oneshot", "asp", "admm"});
      stage(i, method);
      masked_may_follow = method != "dense";
    }
    return text_;
  }

 private:
  std::string pick(std::vector<std::string> choices) { return choices[rng_.below(choices.size())]; }
  std::string number(double largest) { return fmt::format("{}", largest * std::pow(rng_.uniform(), 8) + 1e-30); }
  void maybe(const std::string& key, const std::string& value) {
    if (rng_.below(2) == 0) text_ += key + " = " + value + "\n";
  }

  void describe() {
    maybe("name", "'mine'");
    maybe("test", "'t'");
    text_ += "train = " + pick({"'a.csv'", "'a.jsonl'", "'a'"}) + "\ndev = 'b'\n";
    text_ += "text = " + pick({"'x'", "[0, 1]", "['p', 'q']"}) + "\nlabel = " + pick({"'y'", "2"}) + "\n";
    maybe("header", pick({"true", "false"}));
    maybe("format", pick({"'csv'", "'tsv'"}));
    if (rng_.below(3) == 0) {
      text_ += "kind = 'regression'\n";
      return;
    }
    text_ += "labels = " + pick({"['a', 'b']", "[0, 1]", "[\"\\\"\", 'ü']"}) + "\n";
    maybe("metrics", pick({"['f1', 'matthews']", "['accuracy']"}));
    maybe("class_weights", "[" + number(10) + ", 1]");
  }

  void stage(uint64_t index, const std::string& method) {
    text_ += "[[stage]]\nmethod = '" + method + "'\n";
    maybe("name", fmt::format("'stage-{}_'", index));
    if (method != "masked") maybe("from", "''");
    maybe("epochs", number(10));
    maybe("lr", number(1));
    maybe("batch", std::to_string(1 + rng_.below(100)));
    maybe("warmup", number(100));
    maybe("weight_decay", number(1));
    maybe("clip", number(1));
    maybe("max_length", std::to_string(3 + rng_.below(500)));
    maybe("best", pick({"true", "false"}));
    if (method != "masked") maybe("pattern", pick({"'2:4'", "'1:64x64'", "'4:8'"}));
    maybe("preset", pick({"'paper'", "'converge'"}));
    maybe("rho", number(1));
    maybe("rho_schedule", pick({"'constant'", "'linear'"}));
    maybe("pull", number(10));
    maybe("dual", number(1));
    maybe("every", pick({"'epoch'", "7", "'0.125 epoch'"}));
  }

  Rng rng_;
  std::string text_;
};

TEST(Lines, AResolvedRecipeReadsBackAsItself) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const std::string source = RandomRecipe(seed).text();
    SCOPED_TRACE(source);
    const Recipe recipe = Recipe::parse(source, "/a/folder/r.toml");
    const std::string text = recipe.to_toml();
    const Recipe again = Recipe::parse(text, "/another/s.toml");
    ASSERT_EQ(again.to_toml(), text);
    ASSERT_EQ(recipe_differences(recipe, again), std::vector<std::string>());
    // What to_toml() might leave out must be equal all the same.
    ASSERT_EQ(again.stages.size(), recipe.stages.size());
    for (size_t i = 0; i < recipe.stages.size(); ++i) {
      const StageSpec &a = recipe.stages[i], &b = again.stages[i];
      ASSERT_EQ(std::tie(a.method, a.name, a.from, a.epochs, a.lr, a.batch, a.warmup, a.weight_decay, a.clip,
                         a.max_length, a.best, a.pattern, a.rho, a.rho_schedule, a.pull, a.dual, a.every),
                std::tie(b.method, b.name, b.from, b.epochs, b.lr, b.batch, b.warmup, b.weight_decay, b.clip,
                         b.max_length, b.best, b.pattern, b.rho, b.rho_schedule, b.pull, b.dual, b.every));
    }
    const Task &a = recipe.task, &b = again.task;
    ASSERT_EQ(std::tie(a.name, a.kind, a.labels, a.metrics, a.class_weights, a.format, recipe.custom_task, recipe.data,
                       recipe.model),
              std::tie(b.name, b.kind, b.labels, b.metrics, b.class_weights, b.format, again.custom_task, again.data,
                       again.model));
    ASSERT_EQ(a.splits.size(), b.splits.size());
    for (const auto& [name, split] : a.splits) {
      const SplitSpec& other = b.splits.at(name);
      ASSERT_EQ(std::tie(split.file, split.text, split.label, split.header),
                std::tie(other.file, other.text, other.label, other.header));
    }
  }
}

TEST(Lines, DifferencesNameKeyBeforeAndAfter) {
  const auto recipe = [](std::vector<std::string> set) {
    return Recipe::parse(with_stages("[[stage]]\nmethod = 'dense'\n[[stage]]\nmethod = 'admm'\n"), "r.toml", set);
  };
  const Recipe before = recipe({});
  using Lines = std::vector<std::string>;
  EXPECT_EQ(recipe_differences(before, before), Lines());
  EXPECT_EQ(recipe_differences(before, recipe({"stage.1.lr=1e-4", "seed=3"})),
            (Lines{"seed: 1 -> 3", "stage.1.lr: 5e-05 -> 0.0001"}));
  EXPECT_EQ(recipe_differences(before, recipe({"threads=2"})), (Lines{"threads: 0 -> 2"}));
  EXPECT_EQ(recipe_differences(before, recipe({"checkpoint_every=9", "keep_stages=true"})), Lines());
  EXPECT_EQ(recipe_differences(before, recipe({"stage.0.rho=3"})), Lines()) << "a dense stage has no use for rho";
  EXPECT_EQ(recipe_differences(before, recipe({"stage.1.method=oneshot", "stage.1.batch=16", "seed=3"})),
            (Lines{"seed: 1 -> 3", "stage.1.method: \"admm\" -> \"oneshot\""}))
      << "and nothing of the keys that only one of the methods has";
  const Recipe shorter = Recipe::parse(with_stages("[[stage]]\nmethod = 'dense'\n"), "r.toml");
  EXPECT_EQ(recipe_differences(before, shorter), (Lines{"stage.1.method: \"admm\" -> (none)"}));
  EXPECT_EQ(recipe_differences(shorter, before), (Lines{"stage.1.method: (none) -> \"admm\""}));
}

}  // namespace
}  // namespace nxm
