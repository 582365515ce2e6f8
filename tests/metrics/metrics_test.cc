// SPDX-License-Identifier: Apache-2.0
#include "nxm/metrics/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

using Floats = std::vector<float>;

Floats random_classes(Rng& rng, size_t n, uint64_t classes) {
  Floats values(n);
  for (float& v : values) v = static_cast<float>(rng.below(classes));
  return values;
}

TEST(Metrics, HandComputed) {
  const Floats truth{1, 1, 1, 0, 0, 0, 0, 0}, predicted{1, 1, 0, 1, 0, 0, 0, 0};  // TP 2, FP 1, FN 1, TN 4
  EXPECT_DOUBLE_EQ(accuracy(predicted, truth), 6.0 / 8);
  EXPECT_DOUBLE_EQ(f1(predicted, truth), 2.0 / 3);
  EXPECT_DOUBLE_EQ(macro_f1(predicted, truth), (2.0 / 3 + 8.0 / 10) / 2);
  EXPECT_DOUBLE_EQ(matthews(predicted, truth), (2 * 4 - 1 * 1) / std::sqrt(3.0 * 3 * 5 * 5));
  EXPECT_DOUBLE_EQ(pearson(Floats{1, 2, 4}, Floats{2, 4, 8}), 1);
  EXPECT_DOUBLE_EQ(spearman(Floats{1, 10, 100}, Floats{3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(spearman(Floats{1, 1, 2}, Floats{1, 2, 3}), std::sqrt(3.0) / 2);  // ranks 1.5 1.5 3 and 1 2 3
}

TEST(Metrics, DegenerateCasesAreZero) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<Floats, Floats>> cases{{{}, {}},
                                                     {{2}, {3}},
                                                     {{2, 2, 2}, {0, 3, 0}},
                                                     {{0, 3, 2}, {4, 4, 4}},
                                                     {{nan, 2, 3}, {4, 5, 6}},
                                                     {{inf, 2, 3}, {4, 5, -inf}}};
  for (const auto& [predicted, truth] : cases) {
    for (const auto name : metric_names()) EXPECT_EQ(compute_metric(name, predicted, truth), 0) << name;
  }
  EXPECT_EQ(f1(Floats{0, 0}, Floats{0, 0}), 0);
  EXPECT_EQ(matthews(Floats{1, 1}, Floats{1, 1}), 0);
  EXPECT_EQ(pearson(Floats{1e-45F, 0}, Floats{3e38F, -3e38F}),
            1);  // neither denormals nor squares of huge values are lost
}

// Whatever the metric, it is symmetric in its arguments (all six are), bounded, and ignores the order of the rows.
TEST(Metrics, SymmetricBoundedAndOrderFree) {
  Rng rng(7, "metrics");
  for (int round = 0; round < 500; ++round) {
    const size_t n = rng.below(60);
    Floats predicted = random_classes(rng, n, 1 + rng.below(5)), truth = random_classes(rng, n, 1 + rng.below(5));
    std::vector<double> before;
    for (const auto name : metric_names()) {
      before.push_back(compute_metric(name, predicted, truth));
      EXPECT_LE(std::abs(before.back()), 1) << name;
      EXPECT_NEAR(before.back(), compute_metric(name, truth, predicted), 1e-12) << name;
    }
    for (size_t i = n; i > 1; --i) {
      const size_t j = rng.below(i);
      std::swap(predicted[i - 1], predicted[j]);
      std::swap(truth[i - 1], truth[j]);
    }
    for (size_t m = 0; m < before.size(); ++m) {
      EXPECT_NEAR(before[m], compute_metric(metric_names()[m], predicted, truth), 1e-12) << metric_names()[m];
    }
  }
}

TEST(Metrics, PerfectPredictionIsOne) {
  Rng rng(8, "metrics");
  for (int round = 0; round < 200; ++round) {
    Floats truth = random_classes(rng, 2 + rng.below(40), 3);
    truth[0] = 0;
    truth[1] = 1;
    for (const auto name : metric_names()) EXPECT_NEAR(compute_metric(name, truth, truth), 1, 1e-12) << name;
  }
}

TEST(Metrics, ScoresKeepOrderAndMean) {
  const std::vector<std::string> names{"f1", "accuracy"};
  const Scores scores = compute_scores(names, Floats{1, 0, 1}, Floats{1, 1, 1});
  ASSERT_EQ(scores.metrics.size(), 2U);
  EXPECT_EQ(scores.metrics[0].first, "f1");
  EXPECT_DOUBLE_EQ(scores.metrics[0].second, 0.8);
  EXPECT_DOUBLE_EQ(scores.metrics[1].second, 2.0 / 3);
  EXPECT_DOUBLE_EQ(scores.score, (0.8 + 2.0 / 3) / 2);
  EXPECT_EQ(compute_scores({}, {}, {}).score, 0);
}

TEST(Metrics, Errors) {
  EXPECT_THROW(compute_metric("f1", Floats{1}, Floats{1, 2}), ContractError);
  try {
    compute_metric("acuracy", {}, {});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'accuracy'"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace nxm
