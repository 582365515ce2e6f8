// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/sweep_file.h"

#include "sweep/support.h"

namespace nxm {
namespace {

using test::expect_has;
using Names = std::vector<std::string>;

TEST(SweepFile, EveryKey) {
  const test::Folder folder;
  const SweepFile sweep = folder.sweep(R"(
baseline = "asp"
baseline_at = { stage.admm.rho = 1e-3 }
threads = 2
set = ["keep_stages=false", "task.data = my glue", "model.path=org/name"]
[axes]
seed = [1, 2]
stage.admm.rho = [1e-3, 1e-2]
"stage.admm.every" = ["epoch", "0.25 epoch"]
"task.class_weights" = [[1, 2], [1, 1.5]]
task = [ { label = "mrpc", set = ["task.name=mrpc", "stage.asp.epochs=5"] }, { label = "stsb", set = "task.name=stsb" } ]
[[exclude]]
seed = 1
stage.admm.rho = [0.001, 0.01]
)");
  EXPECT_EQ(sweep.recipe, folder.path / "r.toml");
  EXPECT_EQ(sweep.baseline, "asp");
  EXPECT_EQ(baseline_name(sweep), "asp at stage.admm.rho=0.001");
  EXPECT_EQ(sweep.average, "task");
  EXPECT_EQ(sweep.threads, 2);
  EXPECT_EQ(sweep.set, (Names{"keep_stages=false", "task.data=\"" + (folder.path / "my glue").string() + "\"",
                              "model.path=org/name"}));
  ASSERT_EQ(sweep.axes.size(), 5U);
  EXPECT_EQ(sweep.axes[0].name, "seed");
  EXPECT_EQ(sweep.axes[1].name, "stage.admm.rho");
  EXPECT_EQ(sweep.axes[1].values[0].label, "0.001");
  EXPECT_EQ(sweep.axes[1].values[1].set, Names{"stage.admm.rho=0.01"});
  EXPECT_EQ(sweep.axes[2].values[1].label, "0.25 epoch");
  EXPECT_EQ(sweep.axes[2].values[1].set, Names{"stage.admm.every=\"0.25 epoch\""});
  EXPECT_EQ(sweep.axes[3].values[0].set, Names{"task.class_weights=[1, 2]"});
  EXPECT_EQ(sweep.axes[4].values[0].set, (Names{"task.name=mrpc", "stage.asp.epochs=5"}));
  EXPECT_EQ(sweep.axes[4].values[1].set, Names{"task.name=stsb"});
  ASSERT_EQ(sweep.excluded.size(), 1U);
  EXPECT_EQ(sweep.excluded[0].parts[1].labels, (Names{"0.001", "0.01"}));
}

TEST(SweepFile, Defaults) {
  const test::Folder folder;
  const SweepFile sweep = folder.sweep("[axes]\nseed = [1]\n");
  EXPECT_EQ(sweep.threads, 1);
  EXPECT_EQ(sweep.average, "");
  EXPECT_EQ(folder.sweep("[axes]\ntask.name = ['mrpc']").average, "task.name");
  EXPECT_EQ(folder.sweep("average = ''\n[axes]\ntask.name = ['mrpc']").average, "");
}

TEST(SweepFile, PathsAreMeantFromItsFolder) {
  const test::Folder folder;
  fs::create_directories(folder.path / "org" / "name");
  const SweepFile sweep = folder.sweep(R"([axes]
model.path = ["org/name", "org/other", "./a", "~/b", "/c", "../d"]
)");
  Names set;
  for (const AxisValue& value : sweep.axes[0].values) set.push_back(value.set[0].substr(11));
  const std::string at = folder.path.string();
  const std::string parent = folder.path.parent_path().string();
  EXPECT_EQ(set, (Names{fmt::format("\"{}/org/name\"", at), "\"org/other\"", fmt::format("\"{}/a\"", at), "\"~/b\"",
                        "\"/c\"", fmt::format("\"{}/d\"", parent)}));
}

TEST(SweepFile, WhatIsWrong) {
  const test::Folder folder;
  const auto complaint = [](const std::string& toml) -> std::string {
    try {
      (void)SweepFile::parse(toml, "s.toml");
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  };
  expect_has(complaint("[axes]\nseed = [1]"), "needs 'recipe'");
  expect_has(complaint("recipe = 1\n[axes]\nseed = [1]"), "s.toml:1] 'recipe': expected text");
  expect_has(complaint("recipe = 'r'"), "needs [axes]");
  expect_has(complaint("recipe = 'r'\naxes = 3"), "write [axes]");
  expect_has(complaint("recipe = 'r'\n[axes]"), "[axes] is empty");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = []"), "s.toml:3] axis 'seed' is empty");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = 3"), "expected a list");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = [1, 1]"), "the value '1' twice");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = [1, {label = 'a', set = 'seed=2'}]"), "all values have labels");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = [1979-05-27]"), "expected a number, text");
  expect_has(complaint("recipe = 'r'\n[axes]\nt = [{label = 'a'}]"), "expected { label =");
  expect_has(complaint("recipe = 'r'\n[axes]\nt = [{label = 'a', set = [1]}]"), "expected text");
  expect_has(complaint("recipe = 'r'\n[axes]\n'a.b' = [1]\na.b = [2]"), "'a.b' is there twice");
  expect_has(complaint("recipes = 'r'"), "unknown key \"recipes\" in a sweep file (did you mean 'recipe'?)");
  expect_has(complaint("recipe = 'r'\nthreads = 0\n[axes]\nseed = [1]"), "s.toml:2] 'threads'");
  expect_has(complaint("recipe = 'r'\nthreads = 'x'\n[axes]\nseed = [1]"), "s.toml:2] 'threads'");
  expect_has(complaint("recipe = 'r'\naverage = 'tsk'\n[axes]\ntask = [1]"), "did you mean 'task'?");
  expect_has(complaint("recipe = 'r'\naverage = 'seed'\n[axes]\nseed = [1]"), "an average over seeds already");
  const std::string at = "recipe = 'r'\nbaseline = 'asp'\nbaseline_at = ";
  const std::string axes = "\n[axes]\nseed = [1]\nrho = [1, 2]";
  expect_has(complaint(at + "1" + axes), "s.toml:3] 'baseline_at' is a section");
  expect_has(complaint(at + "{ rh = 1 }" + axes), "no axis 'rh' (did you mean 'rho'?)");
  expect_has(complaint(at + "{ rho = 3 }" + axes), "axis 'rho' has no value '3'");
  expect_has(complaint(at + "{ rho = [1, 2] }" + axes), "'rho' needs one value");
  expect_has(complaint(at + "{ seed = 1 }" + axes), "leave 'seed' out");
  expect_has(complaint("recipe = 'r'\nbaseline_at = { rho = 1 }" + axes), "name it: baseline =");
  expect_has(complaint("recipe = 'r'\nexclude = 1\n[axes]\nseed = [1]"), "write [[exclude]]");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = [1]\n[[exclude]]"), "would exclude all");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = [1]\n[[exclude]]\nsed = 1"),
             "no axis 'sed' (did you mean 'seed'?)");
  expect_has(complaint("recipe = 'r'\n[axes]\nseed = [1, 2]\n[[exclude]]\nseed = 3"), "no value '3'");
  expect_has(complaint("recipe = 'r'\n[axes\n"), "s.toml:2");
}

}  // namespace
}  // namespace nxm
