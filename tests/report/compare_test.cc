// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/compare.h"

#include "io/support.h"
#include "nxm/report/run_reader.h"
#include "report/run_files.h"

namespace nxm {
namespace {

using testing::TempFolder;
using testing::write_run;

std::vector<RunRecord> make_runs(const TempFolder& folder, const std::vector<std::pair<int, double>>& seeds_and_rhos) {
  std::vector<RunRecord> runs;
  for (const auto& [seed, rho] : seeds_and_rhos) {
    const auto path = folder / std::to_string(runs.size());
    write_run(path, seed, rho);
    runs.push_back(read_run(path));
  }
  return runs;
}

TEST(Compare, RunsThatDifferOnlyInSeedStandTogether) {
  const TempFolder folder;
  auto runs = make_runs(folder, {{1, 0.1}, {1, 0.2}, {2, 0.1}, {2, 0.1}, {3, 0.1}});
  using Groups = std::vector<std::vector<size_t>>;
  EXPECT_EQ(seed_groups(runs), (Groups{{0, 2, 3, 4}, {1}}));
  runs[4].finished = false;
  EXPECT_EQ(counted(runs, seed_groups(runs)[0]), (std::vector<size_t>{0, 2}));  // 3 repeats a seed, 4 is unfinished
  EXPECT_EQ(varied_keys(runs), (std::vector<std::string>{"stage.admm.rho"}));
  EXPECT_EQ(number_of(runs[1], "stage.admm.rho"), 0.2);
  EXPECT_EQ(number_of(runs[1], "stage.admm.pattern"), std::nullopt);
  EXPECT_EQ(looks_of(runs)[0].label, "0 and 3 more seeds");
  EXPECT_EQ(looks_of(runs)[4].style, 0);
  EXPECT_EQ(looks_of(runs)[1].style, 1);
  const std::vector<size_t> all{0, 1};
  EXPECT_EQ(difference_text(runs, all, 1, ""), "stage.admm.rho = 0.2");
  EXPECT_EQ(difference_text(runs, all, 1, "stage.admm.rho"), "");
}

TEST(Compare, RunsWithoutARecipeStandAlone) {
  std::vector<RunRecord> runs(3);
  EXPECT_EQ(seed_groups(runs).size(), 3U);
  EXPECT_TRUE(varied_keys(runs).empty());
}

TEST(Compare, TooManyRunsAreDrawnPlain) {
  std::vector<RunRecord> runs(9);
  EXPECT_EQ(looks_of(runs)[3].style, -1);
  EXPECT_EQ(looks_of(runs)[3].label, "one of 9 runs");
}

TEST(Compare, MeanAndSampleDeviation) {
  const std::vector<double> values{1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(spread_of(values).mean, 2.5);
  EXPECT_DOUBLE_EQ(spread_of(values).deviation, 1.2909944487358056);
  EXPECT_EQ(spread_of(std::span(values).first(1)).deviation, 0);
  EXPECT_EQ(spread_of({}).count, 0U);
}

}  // namespace
}  // namespace nxm
