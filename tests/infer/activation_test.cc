// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace nxm {
namespace {

TEST(Activation, Names) {
  EXPECT_EQ(activation_of("gelu"), Activation::kGelu);
  EXPECT_EQ(activation_of("gelu_new"), Activation::kGeluTanh);
  EXPECT_EQ(activation_of("gelu_pytorch_tanh"), Activation::kGeluTanh);
  EXPECT_EQ(activation_of("relu"), Activation::kRelu);
}

TEST(Activation, GeluTanhEqualsItsFormula) {
  std::vector<float> x;
  for (int i = -2000; i <= 2000; ++i) x.push_back(static_cast<float>(i) / 200);
  std::vector<float> y = x;
  gelu_tanh(y.data(), static_cast<int64_t>(y.size()), ops_for(chosen_target()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double value = double{x[i]};
    const double inner = std::sqrt(2 / std::numbers::pi) * (value + 0.044715 * value * value * value);
    EXPECT_NEAR(double{y[i]}, 0.5 * value * (1 + std::tanh(inner)), 2e-6) << value;
  }
}

TEST(Activation, Relu) {
  std::vector<float> x{-1, 0, 2, std::nanf("")};
  relu(x.data(), 4);
  EXPECT_EQ(x[0], 0);
  EXPECT_EQ(x[2], 2);
  EXPECT_TRUE(std::isnan(x[3]));
}

}  // namespace
}  // namespace nxm
