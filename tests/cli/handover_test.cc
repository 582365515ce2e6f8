// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/handover.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace nxm::cli {
namespace {

bool handed_over(std::vector<std::string> words) {
  words.insert(words.begin(), "nxm");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return needs_training(argv.data());
}

TEST(Handover, OnlyWhatNeedsLibTorch) {
  EXPECT_TRUE(handed_over({}));
  EXPECT_TRUE(handed_over({"--help"}));
  EXPECT_TRUE(handed_over({"finetune", "r.toml", "--out", "x"}));
  EXPECT_TRUE(handed_over({"demo"}));
  EXPECT_TRUE(handed_over({"info", "--json"}));
  EXPECT_TRUE(handed_over({"eval", "--engine", "torch"}));
  EXPECT_TRUE(handed_over({"predict", "--model", "m", "--engine=torch"}));
  EXPECT_FALSE(handed_over({"eval", "--engine", "nxm"}));
  EXPECT_FALSE(handed_over({"eval", "--engine"}));
  EXPECT_FALSE(handed_over({"predict", "--model", "torch"}));
  EXPECT_FALSE(handed_over({"inspect", "finetune"}));
}

}  // namespace
}  // namespace nxm::cli
