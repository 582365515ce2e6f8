// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/answer.h"

#include <cmath>
#include <limits>
#include <vector>

#include "data/support.h"

namespace nxm {
namespace {

using Floats = std::vector<float>;
const std::vector<std::string> kThree{"a", "b", "c"}, kOne{"score"};

TEST(Answer, MostLikelyLabelAndItsSoftmax) {
  const Answer answer = answer_of(Floats{1, 3, 2}, kThree, "here");
  EXPECT_EQ(answer.label, "b");
  EXPECT_DOUBLE_EQ(answer.score, std::exp(3.0) / (std::exp(1.0) + std::exp(2.0) + std::exp(3.0)));
}

TEST(Answer, FirstOfEqualsAndNoOverflow) {
  EXPECT_EQ(answer_of(Floats{2, 2, 2}, kThree, "here").label, "a");
  EXPECT_DOUBLE_EQ(answer_of(Floats{2, 2, 2}, kThree, "here").score, 1.0 / 3);
  EXPECT_DOUBLE_EQ(answer_of(Floats{-3e38F, 3e38F, -3e38F}, kThree, "here").score, 1);
  EXPECT_DOUBLE_EQ(answer_of(Floats{-3e38F, -3e38F, -3e38F}, kThree, "here").score, 1.0 / 3);
}

TEST(Answer, RegressionGivesTheValue) {
  const Answer answer = answer_of(Floats{-7.5F}, kOne, "here");
  EXPECT_EQ(answer.label, "score");
  EXPECT_EQ(answer.score, -7.5);
}

TEST(Answer, Errors) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::string message = thrown<Error>([&] { answer_of(Floats{1, bad, 2}, kThree, "stdin:4"); });
    EXPECT_NE(message.find("[stdin:4] the model answers"), std::string::npos) << message;
  }
  EXPECT_THROW(answer_of(Floats{}, {}, "here"), ContractError);
  EXPECT_THROW(answer_of(Floats{1}, kThree, "here"), ContractError);
}

}  // namespace
}  // namespace nxm
