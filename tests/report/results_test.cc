// SPDX-License-Identifier: Apache-2.0
// Other readers' view of the model card and all_results.json is in test_model_card.py.
#include "nxm/report/results.h"

#include <gtest/gtest.h>

#include <cmath>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/report/json_text.h"

namespace nxm {
namespace {

StageResult random_stage(Rng& rng) {
  StageResult stage;
  stage.index = static_cast<int64_t>(rng.below(10));
  stage.name = "stage-" + std::to_string(rng.below(100));
  stage.method = "admm";
  stage.pattern = rng.below(2) == 0 ? "2:4" : "";
  for (const char* name : {"spearman", "accuracy", "f1"}) {
    if (rng.below(2) == 0) stage.metrics.emplace_back(name, rng.uniform() * 2 - 1);
  }
  stage.score = rng.uniform();
  stage.sparsity = rng.uniform();
  stage.seconds = rng.uniform() * 1e4;
  stage.tokens_per_second = rng.uniform() * 1e6;
  stage.bytes = static_cast<int64_t>(rng.below(uint64_t{1} << 40));
  return stage;
}

TEST(Results, AStageReadsBackAsItself) {
  Rng rng(1, "results");
  for (int trial = 0; trial < 500; ++trial) {
    const StageResult stage = random_stage(rng);
    const StageResult again = stage_result_from_json(parse_json(json_text(to_json(stage)), "x"), "x");
    EXPECT_EQ(std::tie(stage.index, stage.name, stage.method, stage.pattern, stage.metrics, stage.score, stage.sparsity,
                       stage.seconds, stage.tokens_per_second, stage.bytes),
              std::tie(again.index, again.name, again.method, again.pattern, again.metrics, again.score, again.sparsity,
                       again.seconds, again.tokens_per_second, again.bytes));
  }
}

TEST(Results, ABrokenStageIsRefused) {
  Rng rng(2, "results");
  const Json whole = parse_json(json_text(to_json(random_stage(rng))), "x");
  for (const auto& [key, value] : whole.items()) {
    Json broken = whole;
    broken.erase(key);
    EXPECT_THROW(stage_result_from_json(broken, "x"), Error) << key;
    broken[key] = value.is_string() ? Json(1) : Json("x");
    EXPECT_THROW(stage_result_from_json(broken, "x"), Error) << key;
  }
  Json broken = whole;
  broken["order"] = {1};
  EXPECT_THROW(stage_result_from_json(broken, "x"), Error);
  broken["order"] = {"no such metric"};
  EXPECT_THROW(stage_result_from_json(broken, "x"), Error);
  EXPECT_THROW(stage_result_from_json(Json::array(), "x"), Error);
}

TEST(Results, ScriptsSeeTheKeysOfTheContract) {
  Rng rng(3, "results");
  const OrderedJson json = run_json({random_stage(rng), random_stage(rng)}, "runs/x/model");
  EXPECT_EQ(json["model"], "runs/x/model");
  ASSERT_EQ(json["stages"].size(), 2u);
  std::vector<std::string> keys;
  for (const auto& [key, value] : json["stages"][1].items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"index", "name", "method", "pattern", "metrics", "score", "sparsity",
                                            "seconds", "tokens_per_second"}));
  EXPECT_EQ(run_json({}, "")["stages"], OrderedJson::array());
}

TEST(Results, WhatIsNotFiniteIsStillJson) {
  StageResult stage;
  stage.metrics = {{"accuracy", std::nan("")}};
  stage.score = INFINITY;
  const Json json = parse_json(json_text(run_json({stage}, "\xff")), "x");
  EXPECT_TRUE(json["stages"][0]["score"].is_null());
  EXPECT_TRUE(json["stages"][0]["metrics"]["accuracy"].is_null());
  EXPECT_NO_THROW(parse_json(json_text(all_results_json({stage}, 0, 0), 2), "x"));
  EXPECT_EQ(model_card("x", "a/b", "t", {stage}, "").find("model-index"), std::string::npos) << "no metric, no index";
}

TEST(Results, ACardIsAlwaysMade) {
  EXPECT_EQ(model_card("x", "y", "z", {}, ""), "");
  Rng rng(4, "results");
  for (int trial = 0; trial < 300; ++trial) {
    std::string bytes;
    for (uint64_t n = rng.below(20); n > 0; --n) bytes += static_cast<char>(rng.below(256));
    EXPECT_FALSE(model_card(bytes, bytes, bytes, {random_stage(rng)}, bytes).empty());
  }
}

}  // namespace
}  // namespace nxm
