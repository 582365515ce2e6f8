// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/sweep_folder.h"

#include <functional>

#include "nxm/io/input_file.h"
#include "sweep/support.h"

namespace nxm {
namespace {

using test::expect_has;

class SweepFolderTest : public ::testing::Test {
 protected:
  /// What is wrong with claiming the folder for this sweep; "" if nothing.
  std::string claim(const std::string& toml) {
    try {
      const std::vector<Job> jobs = folder.jobs(toml);
      const SweepFolder claimed(paths, toml, jobs);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }
  test::Folder folder;
  SweepPaths paths{folder.path / "out"};
};

TEST_F(SweepFolderTest, WritesTheRecipes) {
  EXPECT_EQ(claim("[axes]\nseed = [1, 2]"), "");
  const Job job = folder.jobs("[axes]\nseed = [2]")[0];
  EXPECT_EQ(read_file(paths.recipe(job)), job.recipe.to_toml());
  EXPECT_TRUE(recipe_differences(Recipe::load(paths.recipe(job)), job.recipe).empty());
  EXPECT_EQ(read_file(paths.path() / "sweep.toml"), "[axes]\nseed = [1, 2]");
  EXPECT_TRUE(fs::is_directory(paths.path() / "logs"));
}

TEST_F(SweepFolderTest, TheSameSweepGoesOnAndMayGrow) {
  EXPECT_EQ(claim("[axes]\nseed = [1, 2]"), "");
  EXPECT_EQ(claim("[axes]\nseed = [1, 2]"), "");
  EXPECT_EQ(claim("# another order\n[axes]\nseed = [3, 2, 1]"), "");
  EXPECT_EQ(claim("set = ['keep_stages=true']\n[axes]\nseed = [1, 2, 3]"), "");
}

TEST_F(SweepFolderTest, AnotherSweepIsRefused) {
  EXPECT_EQ(claim("[axes]\nseed = [1, 2]"), "");
  const std::string text = claim("set = ['stage.asp.lr=1e-3']\n[axes]\nseed = [1, 4]");
  expect_has(text, "\n  seed=1: stage.1.lr: 5e-05 -> 0.001\n  seed=2: is not a run of this sweep\n");
  EXPECT_FALSE(fs::exists(paths.path() / "recipes" / "seed=4.toml"));
  std::string many = "[axes]\nseed = [1, 2";
  for (int seed = 101; seed < 159; ++seed) many += fmt::format(", {}", seed);
  EXPECT_EQ(claim(many + "]"), "");
  expect_has(claim("[axes]\nseed = [9]"), "and 40 more");
}

TEST_F(SweepFolderTest, GoesOnWhereItWasKilled) {
  EXPECT_EQ(claim("[axes]\nseed = [1, 2]"), "");
  fs::remove(paths.path() / "recipes" / "seed=2.toml");
  write_file(paths.path() / "recipes" / "seed=2.toml.77.0.tmp", "see");
  write_file(paths.path() / "results.csv.77.0.tmp", "a");
  EXPECT_EQ(claim("[axes]\nseed = [1, 2]"), "");
  EXPECT_TRUE(fs::exists(paths.path() / "recipes" / "seed=2.toml"));
  EXPECT_FALSE(fs::exists(paths.path() / "recipes" / "seed=2.toml.77.0.tmp"));
  EXPECT_FALSE(fs::exists(paths.path() / "results.csv.77.0.tmp"));
  fs::remove_all(paths.path());
  fs::create_directories(paths.path());
  write_file(paths.path() / ".lock", "");
  write_file(paths.path() / "sweep.toml.77.0.tmp", "");
  EXPECT_EQ(claim("[axes]\nseed = [1]"), "");
}

TEST_F(SweepFolderTest, OtherPeoplesFiles) {
  fs::create_directories(paths.path());
  write_file(paths.path() / "notes.txt", "");
  expect_has(claim("[axes]\nseed = [1]"), "holds files that are not a sweep's");
  fs::remove_all(paths.path());
  write_file(paths.path(), "");
  expect_has(claim("[axes]\nseed = [1]"), "is a file");
}

TEST_F(SweepFolderTest, ADamagedRecipeIsNamed) {
  EXPECT_EQ(claim("[axes]\nseed = [1]"), "");
  write_file(paths.path() / "recipes" / "seed=1.toml", "seed = ");
  expect_has(claim("[axes]\nseed = [1]"), "seed=1.toml:1");
}

TEST_F(SweepFolderTest, OneSweepAtATime) {
  const std::vector<Job> jobs = folder.jobs("[axes]\nseed = [1]");
  const SweepFolder claimed(paths, "", jobs);
  expect_has(claim("[axes]\nseed = [1]"), "another nxm sweep is at work");
}

}  // namespace
}  // namespace nxm
