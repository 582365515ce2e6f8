// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/run_check.h"

#include "nxm/io/input_file.h"
#include "nxm/sweep/memory_need.h"
#include "sweep/done_run.h"

namespace nxm {
namespace {

using test::expect_has;

class RunCheckTest : public ::testing::Test {
 protected:
  void make() { test::write_done_run(run, recipe, {0.9, 0.7, 0.8}); }
  /// What is wrong with the run; "" if it is not damaged.
  std::string problem() {
    const RunCheck found = check_run(run, recipe);
    EXPECT_EQ(found.state == RunState::kDamaged, !found.problem.empty());
    EXPECT_EQ(found.state == RunState::kDone, !found.stages.empty());
    return found.problem;
  }
  /// A whole run whose results read `to` instead of `from`.
  void make_with(const std::string& from, const std::string& to) {
    make();
    std::string text = read_file(run / "all_results.json");
    ASSERT_NE(text.find(from), std::string::npos) << text;
    write_file(run / "all_results.json", text.replace(text.find(from), from.size(), to));
  }

  test::Folder folder;
  Recipe recipe = folder.jobs("[axes]\nseed = [1]")[0].recipe;
  fs::path run = folder.path / "run";
};

TEST_F(RunCheckTest, TheStatesOfARun) {
  EXPECT_EQ(check_run(run, recipe).state, RunState::kNew);
  fs::create_directories(run);
  write_file(run / ".lock", "");
  write_file(run / "recipe.toml.12.0.tmp", "cut sho");
  EXPECT_EQ(check_run(run, recipe).state, RunState::kNew);
  remove_unfinished_files(run);
  EXPECT_FALSE(fs::exists(run / "recipe.toml.12.0.tmp"));
  EXPECT_TRUE(fs::exists(run / ".lock"));
  write_file(run / "recipe.toml", recipe.to_toml());
  EXPECT_EQ(check_run(run, recipe).state, RunState::kBegun);
  make();
  const RunCheck done = check_run(run, recipe);
  EXPECT_EQ(done.state, RunState::kDone) << done.problem;
  ASSERT_EQ(done.stages.size(), 3U);
  EXPECT_EQ(done.stages[2].name, "admm");
  EXPECT_EQ(done.stages[2].score, 0.8);
  EXPECT_EQ(name_of(done.state), "done");
}

TEST_F(RunCheckTest, KeysThatChangeNoResultMayDiffer) {
  make();
  recipe.keep_stages = !recipe.keep_stages;
  EXPECT_EQ(problem(), "");
}

TEST_F(RunCheckTest, AnotherRecipeDoesNotCount) {
  make();
  recipe.stages[1].lr = 1;
  expect_has(problem(), "is not the recipe that the sweep asks for: stage.1.lr: 5e-05 -> 1");
}

TEST_F(RunCheckTest, StrangeFolders) {
  fs::create_directories(run);
  write_file(run / "notes.txt", "mine");
  expect_has(problem(), "no recipe.toml");
  write_file(run / "recipe.toml", "seed = ");
  expect_has(problem(), "recipe.toml:1");
  fs::remove_all(run);
  write_file(run, "a file");
  expect_has(problem(), "run");
}

TEST_F(RunCheckTest, DamagedResults) {
  make();
  const std::string text = read_file(run / "all_results.json");
  for (size_t bytes = 0; bytes < text.size(); bytes += 7) {
    write_file(run / "all_results.json", text.substr(0, bytes));
    expect_has(problem(), "all_results.json");
  }
  make_with("\"name\":\"asp\"", "\"name\":\"admm\"");
  expect_has(problem(), "where the recipe has asp stage 'asp'");
  make_with("\"score\":0.7", "\"score\":null");
  expect_has(problem(), "score");
  make_with("\"score\":0.7", "\"score\":7");
  expect_has(problem(), "score");
  make_with("\"accuracy\":0.7", "\"accuracy\":\"high\"");
  expect_has(problem(), "accuracy");
  make_with("\"stages\":", "\"stage\":");
  expect_has(problem(), "stages");
  make();
  write_file(run / "all_results.json", R"({"stages":[]})");
  expect_has(problem(), "holds 0 stages, but the recipe has 3");
}

TEST_F(RunCheckTest, DamagedModel) {
  make();
  fs::resize_file(run / "model" / "model.safetensors", fs::file_size(run / "model" / "model.safetensors") - 1);
  expect_has(problem(), "model.safetensors");
  make();
  fs::resize_file(run / "model" / "tokenizer.json", 0);
  expect_has(problem(), "tokenizer.json");
  make();
  fs::remove(run / "model" / "config.json");
  expect_has(problem(), "config.json");
  fs::remove_all(run / "model");
  expect_has(problem(), "model");
}

TEST_F(RunCheckTest, MemoryGrowsWithModelAndBatch) {
  make();
  const ModelDir model(run / "model");
  const uint64_t before = memory_need(model, recipe);
  recipe.stages[0].batch = 4096;
  recipe.stages[0].max_length = 512;
  EXPECT_GT(memory_need(model, recipe), before);
}

}  // namespace
}  // namespace nxm
