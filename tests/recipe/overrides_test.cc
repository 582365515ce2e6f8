// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/overrides.h"

#include "recipe/support.h"

namespace nxm {
namespace {

const std::string kRecipe = with_stages(
    "[[stage]]\nmethod = 'dense'\nlr = 1e-3\n[[stage]]\nmethod = 'admm'\n[[stage]]\nmethod = 'masked'\nname = 'tail'\n"
    "[[stage]]\nmethod = 'admm'\n");

Recipe set(std::vector<std::string> overrides) { return Recipe::parse(kRecipe, "r.toml", overrides); }

TEST(Overrides, ReachEveryPart) {
  EXPECT_EQ(set({"seed=9"}).seed, 9u);
  EXPECT_EQ(set({"keep_stages=true"}).keep_stages, true);
  EXPECT_EQ(set({"device=cuda:1"}).device, "cuda:1");
  EXPECT_EQ(set({"device=\"cpu\""}).device, "cpu");
  EXPECT_EQ(set({"model.path=/x/y z"}).model, "/x/y z");
  EXPECT_EQ(set({"task.limit=10"}).limit, 10);
  EXPECT_EQ(set({"task.name=sst2"}).task.name, "sst2");
  EXPECT_EQ(set({"task.class_weights=[1, 2.5]"}).task.class_weights, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(set({"stage.1.rho=4e-3"}).stages[1].rho, 4e-3);
  EXPECT_EQ(set({"stage.0.lr=5e-5"}).stages[0].lr, 5e-5);
  EXPECT_EQ(set({"stage.1.pattern=4:8"}).stages[2].pattern, Pattern({4, 8, 1}));
  EXPECT_EQ(set({"stage.1.every=100"}).stages[1].every, "100");
  EXPECT_EQ(set({"stage.1.every=0.5 epoch"}).stages[1].every, "0.5 epoch");
  EXPECT_EQ(set({"stage.admm.rho=2"}).stages[1].rho, 2);
  EXPECT_EQ(set({"stage.admm-2.rho=2"}).stages[3].rho, 2);
  EXPECT_EQ(set({"stage.tail.epochs=4"}).stages[2].epochs, 4);
  EXPECT_EQ(set({"seed = 9"}).seed, 9u) << "as a recipe has it";
  EXPECT_EQ(set({" model.path\t=  /x/y z "}).model, "/x/y z");
  EXPECT_EQ(set({"stage.1.rho=1", "stage.1.rho=2"}).stages[1].rho, 2) << "the last one counts";
}

TEST(Overrides, MakeASectionThatIsMissing) {
  const std::vector<std::string> overrides{"model.path=/m", "task.name=rte"};
  const Recipe recipe = Recipe::parse("[[stage]]\nmethod = 'dense'\n", "r.toml", overrides);
  EXPECT_EQ(recipe.model, "/m");
  EXPECT_EQ(recipe.task.name, "rte");
}

TEST(Overrides, ErrorsQuoteThem) {
  const struct {
    const char *text, *hint;
  } cases[] = {
      {"seed", "expected key=value"},
      {"=3", "expected key=value"},
      {" =3", "expected key=value"},
      {"", "expected key=value"},
      {"sed=3", "did you mean 'seed'?"},
      {"lr=3", "it belongs in [[stage]]"},
      {"model.learning_rate=3", "did you mean 'lr' in [[stage]]?"},
      {"optim.lr=3", "no section 'optim'"},
      {"stage.4.lr=1", "there are 4, counted from 0"},
      {"stage.99999999999999999999.lr=1", "there are 4, counted from 0"},
      {"stage.-1.lr=1", "no stage '-1'"},
      {"stage.tial.lr=1", "did you mean 'tail'?"},
      {"stage.0=1", "unknown key \"\""},
      {"stage=1", "unknown key \"stage\""},
      {"stage..lr=1", "no stage ''"},
      {"stage.0.rate=1", "unknown key \"rate\" in [[stage]]"},
      {"stage.0.lr.x=1", "unknown key \"lr.x\""},
      {"stage.0.lr=fast", "got \"fast\""},
      {"stage.0.lr=", "got \"\""},
      {"stage.0.lr=nan", "got nan"},
      {"stage.0.batch=0", "from 1 to"},
      {"stage.1.pattern=4:2", "4:2"},
      {"seed=1\nw=2", "expected one value"},
      {"seed=1\n[model]", "expected one value"},
  };
  for (const auto& c : cases) {
    const std::string message = complaint(kRecipe, {c.text});
    expect_has(message, std::string("[--set ") + c.text + "]");
    expect_has(message, c.hint);
  }
  expect_has(complaint("model = 3\n", {"model.path=x"}), "[model] is not a table");
  expect_has(complaint("stage = [3]\n", {"stage.0.lr=1"}), "[[stage]] is not a table");
  expect_has(complaint("seed = 1\n", {"stage.0.lr=1"}), "no [[stage]]");
}

}  // namespace
}  // namespace nxm
