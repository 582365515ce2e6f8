// SPDX-License-Identifier: Apache-2.0
// Figures that set runs beside one another, as report_page.h's sections draw them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "io/support.h"
#include "nxm/io/atomic_file.h"
#include "nxm/report/report_page.h"

namespace nxm {
namespace {

size_t count(std::string_view text, std::string_view part) {
  size_t found = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; ++at) ++found;
  return found;
}

RunRecord run_of(int seed, double rho, int pull, double score) {
  RunRecord run{.name = fmt::format("{} {} {}", seed, rho, pull), .finished = true};
  run.keys = {{"seed", fmt::to_string(seed)},
              {"stage.admm.rho", fmt::to_string(rho)},
              {"stage.admm.pull", fmt::to_string(pull)}};
  run.stages.push_back({.name = "admm", .result = StageResult{.score = score}});
  return run;
}

// The figure of a key, from its title to its caption.
std::string figure_of(const std::string& section, const std::string& key) {
  const size_t at = section.find("<h3>Score of admm by " + key + "</h3>");
  return at == section.npos ? "" : section.substr(at, section.find("<figcaption>", at) - at);
}

constexpr double kRhos[] = {0.001, 0.01, 0.1};

// Scores whose mean over the seeds 1, 2, 3 is 0.8 - rho and whose deviation is 0.02.
double score_of(int seed, double rho) { return 0.8 - rho + 0.02 * (seed - 2); }

TEST(SweepSection, SeedsOfAValueAreOnePointWithItsSpread) {
  std::vector<RunRecord> runs;
  for (const double rho : kRhos) {
    for (const int seed : {1, 2, 3}) runs.push_back(run_of(seed, rho, 8, score_of(seed, rho)));
    runs.push_back(run_of(2, rho, 8, 0));  // a seed's second run
    runs.push_back(run_of(4, rho, 8, 0));
    runs.back().finished = false;
  }
  const std::string section = html_section(sweep_section(runs));
  EXPECT_EQ(count(section, "<figure>"), 1U);
  const std::string figure = figure_of(section, "stage.admm.rho");
  EXPECT_EQ(count(figure, "<li>"), 1U) << figure;
  EXPECT_EQ(count(figure, " ± "), 3U) << figure;
  for (const char* point : {"0.001, 0.799 ± 0.02<", "0.01, 0.79 ± 0.02<", "0.1, 0.7 ± 0.02<"})
    EXPECT_EQ(count(figure, fmt::format("<title>score: {}", point)), 1U) << point << "\n" << figure;
}

TEST(SweepSection, ALineForEachValueOfTheOtherKey) {
  std::vector<RunRecord> runs;
  for (const int seed : {1, 2, 3}) {
    for (const double rho : kRhos) {
      for (const int pull : {4, 8}) runs.push_back(run_of(seed, rho, pull, score_of(seed, rho) - 0.1 * (pull == 8)));
    }
  }
  const std::string section = html_section(sweep_section(runs));
  const std::string by_rho = figure_of(section, "stage.admm.rho"), by_pull = figure_of(section, "stage.admm.pull");
  EXPECT_EQ(count(by_rho, "<li>"), 2U) << by_rho;
  EXPECT_EQ(count(by_rho, " ± 0.02<"), 6U) << by_rho;
  for (const char* point : {"4: 0.001, 0.799 ", "4: 0.01, 0.79 ", "4: 0.1, 0.7 ", "8: 0.001, 0.699 ", "8: 0.01, 0.69 "})
    EXPECT_EQ(count(by_rho, fmt::format("<title>stage.admm.pull = {}", point)), 1U) << point << "\n" << by_rho;
  EXPECT_EQ(count(by_pull, "<li>"), 3U) << by_pull;
  EXPECT_EQ(count(by_pull, " ± 0.02<"), 6U) << by_pull;
}

TEST(SweepSection, AKeyOfAStageIsJudgedByWhatComesOfThatStage) {
  std::vector<RunRecord> runs;
  for (const double rho : kRhos) {
    runs.push_back(run_of(1, rho, 8, score_of(1, rho)));
    runs.back().stages.push_back({.name = "masked", .from = "admm", .result = StageResult{.score = 0.9 - rho}});
    runs.back().stages.push_back({.name = "asp", .from = "dense", .result = StageResult{.score = 0.5}});
  }
  const std::string section = html_section(sweep_section(runs));
  EXPECT_EQ(count(section, "<h3>Score of masked by stage.admm.rho</h3>"), 1U) << section;
  for (const char* point : {"0.001, 0.899", "0.01, 0.89", "0.1, 0.8"})
    EXPECT_EQ(count(section, fmt::format("<title>score: {}", point)), 1U) << point << "\n" << section;
}

TEST(SpeedSection, DenseIsTheDenseStageAndNotOneWithoutAPattern) {
  RunRecord run{.name = "run", .finished = true};
  run.stages = {{.name = "dense", .method = "dense", .result = StageResult{.score = 0.81}},
                {.name = "admm", .method = "admm", .pattern = "2:4", .result = StageResult{.score = 0.72}},
                {.name = "free", .method = "admm-unstructured", .result = StageResult{.score = 0.63, .sparsity = 0.5}}};
  run.bench = {{.precision = "f32", .pattern = "dense", .median_ms = 9},
               {.precision = "f32", .pattern = "2:4", .median_ms = 5}};
  const std::string section = html_section(speed_section({&run, 1}));
  for (const char* score : {"0.8100", "0.7200"}) EXPECT_NE(section.find(score), std::string::npos) << score << section;
  EXPECT_EQ(section.find("0.6300"), std::string::npos) << section;
  const std::string results = html_section(results_section({&run, 1}));
  EXPECT_EQ(count(results, ">anywhere<"), 1U) << results;
}

TEST(ComparisonSection, ShowsWhatTheSweepFoundOrWhyNot) {
  const testing::TempFolder folder;
  const std::filesystem::path folders[] = {folder.path()};
  EXPECT_EQ(html_section(comparison_section(folders)), "") << "no results.json: not a sweep's";
  write_file(
      folder.path() / "results.json",
      R"({"baseline":"asp","rows":[{"combination":{"task":"<b>"},"stage":"asp","pattern":"","n":2,"mean":0.8,"sd":0.01},)"
      R"({"combination":{"task":"<b>"},"stage":"admm","pattern":"2:4","n":2,"mean":0.82,"sd":0.02,"difference":0.0212,)"
      R"("interval":[-0.001,0.04]}]})");
  const std::string shown = html_section(comparison_section(folders));
  EXPECT_EQ(count(shown, "<td></td>"), 0U) << "an empty cell\n" << shown;
  for (const char* part : {"vs asp", "82.00 ± 2.00", "+2.12", "-0.10 to +4.00", "&lt;b&gt;"})
    EXPECT_NE(shown.find(part), std::string::npos) << part << "\n" << shown;
  write_file(folder.path() / "results.json", R"({"rows":[{"combination":7}]})");
  EXPECT_NE(html_section(comparison_section(folders)).find("Left out"), std::string::npos);
}

}  // namespace
}  // namespace nxm
