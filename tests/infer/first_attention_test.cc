// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/first_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "nxm/core/rng.h"
#include "nxm/kernels/ops.h"

namespace nxm {
namespace {

TEST(FirstAttention, IsTheFirstRowOfAttention) {
  Rng rng(1, "attention");
  for (int round = 0; round < 100; ++round) {
    const auto tokens = static_cast<int64_t>(1 + rng.below(70)), head = static_cast<int64_t>(1 + rng.below(70));
    const int64_t stride = head + static_cast<int64_t>(rng.below(5));
    std::vector<float> q(static_cast<size_t>(head)), k(static_cast<size_t>(tokens * stride)), v(k.size());
    for (auto* values : {&q, &k, &v}) {
      for (float& value : *values) value = static_cast<float>(3 * rng.normal());
    }
    std::vector<double> expected(static_cast<size_t>(head));
    std::vector<double> scores(static_cast<size_t>(tokens));
    double largest = -1e300, sum = 0;
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t i = 0; i < head; ++i)
        scores[t] += double{q[i]} * double{k[t * stride + i]} / std::sqrt(double(head));
      largest = std::max(largest, scores[t]);
    }
    for (double& score : scores) sum += score = std::exp(score - largest);
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t i = 0; i < head; ++i) expected[i] += scores[t] / sum * double{v[t * stride + i]};
    }
    std::vector<float> out(static_cast<size_t>(head)), scratch(static_cast<size_t>(tokens));
    first_attention(q.data(), k.data(), v.data(), stride, out.data(), tokens, head, scratch.data());
    for (int64_t i = 0; i < head; ++i) EXPECT_NEAR(double{out[i]}, expected[i], 2e-4);
  }
}

}  // namespace
}  // namespace nxm
