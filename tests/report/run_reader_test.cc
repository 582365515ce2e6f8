// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_reader.h"

#include "io/support.h"
#include "report/run_files.h"

namespace nxm {
namespace {

using testing::expect_error;
using testing::TempFolder;
using testing::write_run;

std::string problems(const RunRecord& run) { return fmt::format("{}", fmt::join(run.problems, "\n")); }

TEST(RunReader, AWholeRun) {
  const TempFolder folder;
  write_run(folder / "a", 7, 0.004, 0.8125, 0.75);
  const RunRecord run = read_run(folder / "a");
  EXPECT_EQ(problems(run), "");
  EXPECT_TRUE(run.finished);
  EXPECT_EQ(run.name, "a");
  EXPECT_EQ(run.score(), 0.75);
  EXPECT_EQ(run.keys.at("seed"), "7");
  EXPECT_EQ(run.keys.at("stage.admm.rho"), "0.004");
  ASSERT_EQ(run.stages.size(), 2U);
  EXPECT_EQ(run.stages[0].pattern, "");
  EXPECT_EQ(run.stages[1].pattern, "2:4");
  EXPECT_EQ(run.stages[1].from, "dense");
  EXPECT_EQ(run.stages[1].result->seconds, 20.25);
  EXPECT_EQ(run.stages[1].curves.at("primal").points().size(), 5U);
  EXPECT_EQ(run.stages[1].scores.at("pruned").points().size(), 1U);
}

TEST(RunReader, WhatIsMissingOrDamagedIsNamed) {
  struct Case {
    const char* file;
    const char* text;  // nullptr: removed
    const char* problem;
    bool finished;
  };
  for (const Case& it : {
           Case{"all_results.json", nullptr, "all_results.json is missing", false},
           Case{"all_results.json", "{", "all_results.json is damaged", false},
           Case{"all_results.json", "[]", "all_results.json is damaged", false},
           Case{"all_results.json", R"({"stages":[]})", "tells nothing of stage 'dense'", false},
           Case{"all_results.json", R"({"stages":[{"index":0}]})", "$.stages[0].name", false},
           Case{"recipe.toml", "seed = ", "recipe.toml is damaged", true},
           Case{"recipe.toml", nullptr, "recipe.toml", true},
           Case{"run.jsonl", nullptr, "run.jsonl cannot be read", true},
           Case{"run.jsonl", "", "no line was read", true},
           Case{"bench.json", "{\"median_ms\":", "bench.json is damaged", true},
           Case{"bench.json", "{\"median_ms\":1}", "bench.json is damaged", true},
       }) {
    const TempFolder folder;
    write_run(folder / "a");
    if (it.text == nullptr) {
      std::filesystem::remove(folder / "a" / it.file);
    } else {
      write_file(folder / "a" / it.file, it.text);
    }
    const RunRecord run = read_run(folder / "a");
    EXPECT_NE(problems(run).find(it.problem), std::string::npos) << it.file << ": " << problems(run);
    EXPECT_EQ(run.finished, it.finished) << it.file;
    EXPECT_EQ(run.stages.size(), 2U) << it.file;
  }
}

TEST(RunReader, ResultsOfAnotherRunDoNotCount) {
  const TempFolder folder;
  write_run(folder / "a");
  write_file(folder / "a" / "all_results.json", testing::results_json(0.8, 0.99));
  const RunRecord run = read_run(folder / "a");
  EXPECT_FALSE(run.finished);
  EXPECT_NE(problems(run).find("0.99"), std::string::npos);
}

TEST(RunReader, BenchLines) {
  const TempFolder folder;
  write_run(folder / "a");
  const std::string line =
      R"({"precision":"f32","pattern":"2:4","batch":1,"tokens":8,"threads":2,"median_ms":1.5,"p99_ms":2,)"
      R"("tokens_per_second":5000,"cpu":"x","layers":[]})";
  write_file(folder / "a" / "bench.json", line + "\n" + line);
  const RunRecord run = read_run(folder / "a");
  EXPECT_EQ(problems(run), "");
  ASSERT_EQ(run.bench.size(), 2U);
  EXPECT_EQ(run.bench[1].median_ms, 1.5);
}

TEST(FindRuns, ARunAFolderOfRunsOrASweep) {
  const TempFolder folder;
  write_run(folder / "sweep" / "runs" / "b");
  write_run(folder / "sweep" / "runs" / "a");
  write_run(folder / "many" / "c");
  std::filesystem::create_directories(folder / "many" / "c" / "runs" / "x");  // TensorBoard's, within a run
  std::filesystem::create_directories(folder / "many" / "other");
  const auto found = [&](std::vector<std::string> names) {
    for (std::string& name : names) name = folder / name;
    std::vector<std::string> result;
    for (const auto& run : find_runs(names)) result.push_back(run.filename());
    return result;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(found({"many/c"}), (Names{"c"}));
  EXPECT_EQ(found({"many"}), (Names{"c"}));
  EXPECT_EQ(found({"sweep"}), (Names{"a", "b"}));
  EXPECT_EQ(found({"sweep/runs/b", "sweep", "many/c/"}).size(), 3U);  // b once
  expect_error([&] { found({"many", "many/other"}); }, {"many/other", "no run"});
  expect_error([&] { found({"absent"}); }, {"absent", "no folder"});
}

TEST(ReadRuns, EqualNamesAreToldApart) {
  const TempFolder folder;
  write_run(folder / "x" / "a");
  write_run(folder / "y" / "a");
  const std::vector<std::filesystem::path> folders{folder / "x" / "a", folder / "y" / "a"};
  const auto runs = read_runs(folders);
  EXPECT_NE(runs[0].name, runs[1].name);
}

}  // namespace
}  // namespace nxm
