// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/job_list.h"

#include "nxm/io/input_file.h"
#include "sweep/support.h"

namespace nxm {
namespace {

using test::expect_has;
using test::names_of;
using Names = std::vector<std::string>;

TEST(JobList, ProductInTheOrderOfTheFile) {
  const test::Folder folder;
  const std::vector<Job> jobs = folder.jobs("[axes]\nseed = [1, 2]\nstage.admm.lr = [1e-4, 2e-4]\n");
  EXPECT_EQ(names_of(jobs), (Names{"seed=1,stage.admm.lr=0.0001", "seed=1,stage.admm.lr=0.0002",
                                   "seed=2,stage.admm.lr=0.0001", "seed=2,stage.admm.lr=0.0002"}));
  EXPECT_EQ(jobs[3].labels, (Names{"2", "0.0002"}));
  EXPECT_EQ(jobs[3].recipe.seed, 2U);
  EXPECT_EQ(jobs[3].recipe.stages[2].lr, 2e-4);
  EXPECT_EQ(jobs[3].recipe.stages[1].lr, 5e-5);
  EXPECT_EQ(jobs[0].recipe.threads, 1);
  EXPECT_EQ(jobs[0].recipe.data, folder.path / "glue");
}

TEST(JobList, WhatIsSetLastCounts) {
  const test::Folder folder;
  const std::string toml =
      "threads = 3\nset = ['seed=7', 'stage.asp.lr=1e-3']\n[axes]\nm = [{label = 'a', set = ['stage.asp.lr=2e-3']}, "
      "{label = 'b', set = []}]\n";
  const std::vector<Job> jobs = folder.jobs(toml, {"task.limit=9"});
  EXPECT_EQ(jobs[0].recipe.stages[1].lr, 2e-3);
  EXPECT_EQ(jobs[1].recipe.stages[1].lr, 1e-3);
  EXPECT_EQ(jobs[1].recipe.seed, 7U);
  EXPECT_EQ(jobs[1].recipe.limit, 9);
  EXPECT_EQ(jobs[1].recipe.threads, 3);
  EXPECT_EQ(folder.jobs(toml, {"threads=2"})[0].recipe.threads, 2);
}

TEST(JobList, Exclusions) {
  const test::Folder folder;
  const std::string axes = "[axes]\nseed = [1, 2, 3]\ntask.name = ['mrpc', 'stsb']\n";
  EXPECT_EQ(names_of(folder.jobs(axes + "[[exclude]]\nseed = [2, 3]\ntask.name = 'mrpc'\n[[exclude]]\nseed = 1\n")),
            (Names{"seed=2,task.name=stsb", "seed=3,task.name=stsb"}));
  expect_has(folder.complaint(axes + "[[exclude]]\nseed = [1, 2, 3]\n"), "every run is excluded");
}

TEST(JobList, NamesAreFileNames) {
  const test::Folder folder;
  const auto name = [&](const std::string& label) {
    return folder.jobs("[axes]\nm = [{label = \"" + label + "\", set = []}]")[0].name;
  };
  EXPECT_EQ(name("a b/c,d=e"), "m=a_b_c_d_e");
  EXPECT_EQ(name("$(rm)'\\n"), "m=__rm___");
  expect_has(folder.complaint("[axes]\nm = [{label = 'a/b', set = []}, {label = 'a_b', set = 'seed=2'}]"),
             "would both have the name m=a_b");
  expect_has(folder.complaint("[axes]\nm = [{label = '" + std::string(300, 'x') + "', set = []}]"), "short labels");
}

TEST(JobList, WhatIsWrong) {
  const test::Folder folder;
  expect_has(folder.complaint("[axes]\nsed = [1]"), "unknown key \"sed\" in the top level (did you mean 'seed'?)");
  expect_has(folder.complaint("[axes]\nstage.admm.rh = [1]"), "did you mean 'rho'?");
  expect_has(folder.complaint("[axes]\nstage.adm.rho = [1]"), "did you mean 'admm'?");
  expect_has(folder.complaint("[axes]\nseed = ['x']"), "expected a whole number");
  expect_has(folder.complaint("set = ['sed=1']\n[axes]\nseed = [1]"), "did you mean 'seed'?");
  expect_has(folder.complaint("[axes]\nseed = [1]", {"lr=1"}), "--set lr=1");
  expect_has(folder.complaint("baseline = 'aps'\n[axes]\nseed = [1]"), "no stage 'aps' (did you mean 'asp'?)");
  expect_has(folder.complaint("baseline = 'asp'\nbaseline_at = { stage.admm.rho = 1 }\n[axes]\nseed = [1, 2]\n"
                              "stage.admm.rho = [1, 2]\n[[exclude]]\nseed = 2\nstage.admm.rho = 1"),
             "what run seed=2,stage.admm.rho=2 is compared with, (2, 1), is excluded");
  expect_has(folder.complaint("[axes]\nseed = [1, 2]", {"seed=5"}), "the runs seed=1 and seed=2 are the same");
  std::string many = "[axes]\n";
  for (const char* axis : {"seed", "task.limit", "stage.0.batch", "stage.1.batch"}) {
    many += std::string(axis) + " = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\n";
  }
  expect_has(folder.complaint(many), "more than 10000 runs");
}

TEST(JobList, TheExampleOfThisRepository) {
  const fs::path file = fs::path(NXM_TEST_DATA).parent_path().parent_path() / "recipes" / "sweeps" / "demo.toml";
  const std::vector<Job> jobs = make_jobs(SweepFile::parse(read_file(file), file));
  ASSERT_EQ(jobs.size(), 6U);
  EXPECT_EQ(jobs[1].name, "seed=1,pattern=1_4");
  EXPECT_EQ(jobs[1].recipe.stages.back().pattern.str(), "1:4");  // masked, as admm
}

TEST(JobList, ARecipeThatIsNotThere) {
  const test::Folder folder;
  fs::remove(folder.path / "r.toml");
  EXPECT_THROW(folder.jobs("[axes]\nseed = [1]"), Error);
}

}  // namespace
}  // namespace nxm
