// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/summary.h"

#include <cmath>

#include "nxm/sweep/summary_text.h"
#include "sweep/done_run.h"

namespace nxm {
namespace {

using test::expect_has;
using Scores = std::vector<double>;
using Labels = std::vector<std::string>;

/// The summary of runs with these scores (dense, asp, admm); one without scores is not done.
Summary summary_of(const std::string& toml, const std::vector<Scores>& scores) {
  const test::Folder folder;
  const SweepFile sweep = folder.sweep(toml);
  const std::vector<Job> jobs = make_jobs(sweep);
  EXPECT_EQ(jobs.size(), scores.size());
  std::vector<std::vector<StageResult>> results;
  for (size_t i = 0; i < jobs.size(); ++i) {
    results.push_back(scores[i].empty() ? std::vector<StageResult>() : test::results_of(jobs[i].recipe, scores[i]));
  }
  return summarise(sweep, jobs, results);
}

const SummaryRow& row(const Summary& summary, const Labels& labels, const std::string& stage) {
  for (const SummaryRow& one : summary.rows) {
    if (one.labels == labels && one.stage == stage) return one;
  }
  ADD_FAILURE() << "no such row";
  return summary.rows.front();
}

TEST(Summary, OverSeeds) {
  const Summary summary =
      summary_of("baseline = 'asp'\n[axes]\nseed = [1, 2, 3]", {{0.9, 0.5, 0.7}, {0.9, 0.6, 0.65}, {0.9, 0.7, 0.81}});
  ASSERT_EQ(summary.rows.size(), 3U);
  const SummaryRow& admm = row(summary, {}, "admm");
  EXPECT_EQ(admm.runs, 3U);
  EXPECT_NEAR(admm.mean, 0.72, 1e-12);
  EXPECT_NEAR(*admm.deviation, std::sqrt((0.0004 + 0.0049 + 0.0081) / 2), 1e-12);
  EXPECT_NEAR(admm.difference->mean, (0.2 + 0.05 + 0.11) / 3, 1e-12);
  const auto expected = bootstrap_interval(std::vector<Scores>{{0.7 - 0.5, 0.65 - 0.6, 0.81 - 0.7}});
  EXPECT_EQ(admm.difference->interval->low, expected->low);
  EXPECT_EQ(admm.difference->interval->high, expected->high);
  EXPECT_FALSE(row(summary, {}, "asp").difference);
  EXPECT_NEAR(row(summary, {}, "dense").difference->mean, 0.3, 1e-12);
}

TEST(Summary, ABaselineAtAnotherValueIsComparedSeedBySeed) {
  const Summary summary = summary_of(
      "baseline = 'admm'\nbaseline_at = { rho = 'low' }\n[axes]\nseed = [1, 2]\n"
      "rho = [{ label = 'low', set = 'stage.admm.rho=1e-3' }, { label = 'high', set = 'stage.admm.rho=1e-2' }]",
      {{0.9, 0.5, 0.7}, {0.9, 0.5, 0.8}, {0.8, 0.6, 0.75}, {0.8, 0.6, 0.65}});
  EXPECT_EQ(summary.baseline, "admm at rho=low");
  EXPECT_FALSE(row(summary, {"low"}, "admm").difference);
  EXPECT_NEAR(row(summary, {"high"}, "admm").difference->mean, (0.1 - 0.1) / 2, 1e-12);
  EXPECT_NEAR(row(summary, {"high"}, "asp").difference->mean, (0.5 - 0.7 + 0.6 - 0.75) / 2, 1e-12);
  EXPECT_NEAR(row(summary, {"low"}, "dense").difference->mean, (0.9 - 0.7 + 0.8 - 0.75) / 2, 1e-12);
}

TEST(Summary, ARunWhoseBaselineIsNotDoneHasNoDifference) {
  const Summary summary =
      summary_of("baseline = 'admm'\nbaseline_at = { stage.admm.rho = 1e-3 }\n[axes]\nstage.admm.rho = [1e-3, 1e-2]",
                 {{}, {0.9, 0.5, 0.8}});
  EXPECT_FALSE(row(summary, {"0.01"}, "admm").difference);
}

TEST(Summary, OneSeedHasNoSpread) {
  const Summary summary = summary_of("baseline = 'asp'\n[axes]\nstage.asp.lr = [1e-4]", {{0.9, 0.5, 0.7}});
  const SummaryRow& admm = row(summary, {"0.0001"}, "admm");
  EXPECT_FALSE(admm.deviation);
  EXPECT_NEAR(admm.difference->mean, 0.2, 1e-12);
  EXPECT_FALSE(admm.difference->interval);
  expect_has(summary_note(summary), "All rows are of one seed");
}

const std::string kTasks = "baseline = 'asp'\n[axes]\ntask.name = ['mrpc', 'qnli']\nseed = [1, 2, 3]\n";

TEST(Summary, AverageOverTasks) {
  const Summary summary = summary_of(kTasks, {{0.9, 0.5, 0.7},
                                              {0.9, 0.6, 0.7},
                                              {0.9, 0.6, 0.8},  //
                                              {0.8, 0.3, 0.4},
                                              {0.8, 0.2, 0.4},
                                              {0.8, 0.4, 0.4}});
  ASSERT_EQ(summary.rows.size(), 9U);
  const SummaryRow& all = row(summary, {"average"}, "admm");
  EXPECT_EQ(all.runs, 3U);
  EXPECT_NEAR(all.mean, (0.55 + 0.55 + 0.6) / 3, 1e-12);
  EXPECT_NEAR(*all.deviation, 0.05 / std::sqrt(3), 1e-12);
  EXPECT_NEAR(all.difference->mean, ((0.2 + 0.1 + 0.2) / 3 + (0.1 + 0.2 + 0) / 3) / 2, 1e-12);
  const auto expected =
      bootstrap_interval(std::vector<Scores>{{0.7 - 0.5, 0.7 - 0.6, 0.8 - 0.6}, {0.4 - 0.3, 0.4 - 0.2, 0.4 - 0.4}});
  EXPECT_EQ(all.difference->interval->low, expected->low);
  EXPECT_EQ(all.difference->interval->high, expected->high);
}

TEST(Summary, WhatIsNotDoneIsNotCounted) {
  const Summary summary =
      summary_of(kTasks, {{0.9, 0.5, 0.7}, {}, {0.9, 0.6, 0.8}, {0.8, 0.3, 0.4}, {0.8, 0.2, 0.4}, {}});
  EXPECT_EQ(row(summary, {"mrpc"}, "admm").runs, 2U);
  const SummaryRow& all = row(summary, {"average"}, "admm");  // seed 1 is the only one that both have
  EXPECT_EQ(all.runs, 1U);
  EXPECT_NEAR(all.mean, 0.55, 1e-12);
  EXPECT_FALSE(all.deviation);
  EXPECT_FALSE(all.difference->interval);
  const Summary half = summary_of(kTasks, {{0.9, 0.5, 0.7}, {}, {}, {}, {}, {}});
  EXPECT_EQ(half.rows.size(), 3U) << "no average over a task that is not there";
  EXPECT_TRUE(summary_of(kTasks, {{}, {}, {}, {}, {}, {}}).rows.empty());
  EXPECT_EQ(summary_of(kTasks, {{}, {}, {0.9, 0.6, 0.8}, {0.8, 0.3, 0.4}, {0.8, 0.2, 0.4}, {}}).rows.size(), 6U)
      << "no seed that both have";
}

TEST(Summary, WithoutABaseline) {
  const Summary summary = summary_of("[axes]\nseed = [1, 2]", {{0.9, 0.5, 0.7}, {0.9, 0.6, 0.65}});
  for (const SummaryRow& one : summary.rows) EXPECT_FALSE(one.difference);
  EXPECT_EQ(summary_table(summary)[0], (Labels{"stage", "pattern", "n", "score"}));
}

TEST(Summary, AsTableCsvAndJson) {
  const std::string toml = "baseline = 'asp'\n[axes]\nm = [{label = 'a, \"b\"', set = []}]\nseed = [1, 2]";
  const Summary summary = summary_of(toml, {{0.9, 0.5, 0.7}, {0.9, 0.6, 0.7}});
  const auto table = summary_table(summary);
  EXPECT_EQ(table[0], (Labels{"m", "stage", "pattern", "n", "score", "vs asp", "95 % interval"}));
  EXPECT_EQ(table[1], (Labels{"a, \"b\"", "dense", "–", "2", "90.00 ± 0.00", "+35.00", "+30.00 to +40.00"}));
  EXPECT_EQ(table[2], (Labels{"a, \"b\"", "asp", "2:4", "2", "55.00 ± 7.07", "–", "–"}));
  const std::string csv = summary_csv(summary);
  expect_has(csv, "m,stage,method,pattern,n,mean,sd,baseline,difference,low,high\n");
  expect_has(csv, "\"a, \"\"b\"\"\",asp,asp,2:4,2,0.55,");
  const OrderedJson json = summary_json(summary);
  EXPECT_EQ(json[0]["combination"]["m"], "a, \"b\"");
  EXPECT_EQ(json[1]["difference"], nullptr);
  EXPECT_EQ(json[2]["n"], 2);
  EXPECT_NEAR(json[2]["interval"][0].get<double>(), 0.1, 1e-12);
}

}  // namespace
}  // namespace nxm
