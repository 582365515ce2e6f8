// SPDX-License-Identifier: Apache-2.0
// Each method beside a few lines that say the same in plain loops, on one small layer and a quadratic loss.
#include "nxm/train/method.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/train/admm.h"
#include "nxm/train/distill.h"

namespace nxm {
namespace {

constexpr int64_t kRows = 6, kColumns = 16, kSize = kRows * kColumns;
constexpr double kLr = 0.02;

// Gradient of 1/2 ||W - A||^2, with A fixed by the seed.
struct Problem {
  at::Tensor start, goal;
  explicit Problem(int64_t seed) {
    at::manual_seed(static_cast<uint64_t>(seed));
    start = at::randn({kRows, kColumns});
    goal = at::randn({kRows, kColumns});
  }
};

// A method at work on that problem.
struct Bench {
  Bench(const Problem& problem, StageSpec spec_, int64_t steps)
      : spec(std::move(spec_)),
        goal(problem.goal),
        weight(problem.start.clone().requires_grad_(true)),
        optimizer({{"w", weight, true, false}}, {.clip = 0}),
        context{spec, {&optimizer.slot("w")}, steps, steps, pool} {
    method = find_method(spec.method).make();
    method->begin(context);
  }
  void step(int64_t t) {
    method->before_forward(context);
    weight.mutable_grad() = weight.detach() - goal;
    method->before_update(context);
    AdamW::StepSize size = method->pull(context, t);
    size.lr = kLr;
    optimizer.step(size);
    method->after_step(context, t);
  }

  StageSpec spec;
  at::Tensor goal, weight;
  ThreadPool pool{1};
  AdamW optimizer;
  StageContext context;
  std::unique_ptr<Method> method;
};

StageSpec stage(const std::string& method) {
  StageSpec spec;
  spec.method = method;
  spec.name = method;
  spec.pattern = {2, 4};
  spec.every = "3";
  return spec;
}

std::vector<double> values(const at::Tensor& x) {
  const at::Tensor flat = x.detach().to(at::kDouble).contiguous().view({-1});
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// 1 where w^2 h is among the two largest of its four.
std::vector<int> largest_two(const std::vector<double>& w, const std::vector<double>& h) {
  std::vector<int> kept(w.size(), 0);
  for (size_t group = 0; group < w.size(); group += 4) {
    std::array<size_t, 4> order{group, group + 1, group + 2, group + 3};
    std::ranges::stable_sort(order, [&](size_t a, size_t b) { return w[a] * w[a] * h[a] > w[b] * w[b] * h[b]; });
    kept[order[0]] = kept[order[1]] = 1;
  }
  return kept;
}

TEST(SrSte, IsAdamWOnTheStraightThroughGradient) {
  const Problem problem(1);
  StageSpec spec = stage("sr-ste");
  spec.lambda = 0.05;
  constexpr int kSteps = 25;
  Bench bench(problem, spec, kSteps);

  std::vector<double> w = values(problem.start), m(kSize), v(kSize);
  const std::vector<double> goal = values(problem.goal), ones(kSize, 1);
  for (int t = 1; t <= kSteps; ++t) {
    bench.step(t);
    const std::vector<int> kept = largest_two(w, ones);
    for (size_t i = 0; i < w.size(); ++i) {
      const double g = (kept[i] * w[i] - goal[i]) + spec.lambda * (1 - kept[i]) * w[i];
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      w[i] -= kLr * (m[i] / (1 - std::pow(0.9, t))) / (std::sqrt(v[i] / (1 - std::pow(0.999, t))) + 1e-8);
    }
  }
  const std::vector<double> found = values(bench.weight);
  for (size_t i = 0; i < w.size(); ++i) EXPECT_NEAR(found[i], w[i], 1e-4) << i;
  EXPECT_TRUE(bench.method->prunes(bench.context));
  bench.method->finish(bench.context);
  EXPECT_TRUE(check_pattern({bench.weight.const_data_ptr<float>(), kRows, kColumns}, {2, 4}).valid());
}

TEST(Gradual, PrunesTheSmallestLeftOutByTheCubicShare) {
  const Problem problem(2);
  StageSpec spec = stage("gradual");
  spec.settle = 0.4;
  constexpr int kSteps = 20, kMoving = 12;
  Bench bench(problem, spec, kSteps);
  for (int t = 1; t <= kSteps; ++t) {
    std::vector<double> before;
    if (t % 3 == 0) {
      // What the step will leave, found by stopping short of the pruning: the same update without it.
      Bench twin(problem, spec, kSteps);
      for (int s = 1; s < t; ++s) twin.step(s);
      twin.weight.mutable_grad() = twin.weight.detach() - twin.goal;
      twin.optimizer.step({.lr = kLr});
      before = values(twin.weight);
    }
    bench.step(t);
    const std::vector<double> after = values(bench.weight);
    if (before.empty() || t > kMoving) continue;
    const std::vector<int> kept = largest_two(before, std::vector<double>(kSize, 1));
    std::vector<double> left_out;
    for (size_t i = 0; i < before.size(); ++i) {
      if (kept[i] == 0) left_out.push_back(std::abs(before[i]));
      if (kept[i] == 1) {
        EXPECT_EQ(after[i], before[i]);
      }
    }
    std::ranges::sort(left_out);
    const double left = 1 - static_cast<double>(t) / kMoving;
    const auto count = std::llround((1 - left * left * left) * static_cast<double>(left_out.size()));
    const double limit = count == 0 ? -1 : left_out[static_cast<size_t>(count - 1)];
    for (size_t i = 0; i < before.size(); ++i) {
      if (kept[i] == 0) {
        EXPECT_EQ(after[i], std::abs(before[i]) <= limit ? 0 : before[i]) << "step " << t;
      }
    }
  }
  EXPECT_FALSE(bench.method->prunes(bench.context));
  EXPECT_TRUE(check_pattern({bench.weight.const_data_ptr<float>(), kRows, kColumns}, {2, 4}).valid());
}

TEST(AdmmStage, TheMaskSettlesAndStays) {
  const Problem problem(3);
  StageSpec spec = stage("admm");
  spec.settle = 0.5;
  spec.rho = 0;
  spec.pull = 8;
  spec.dual = 0;
  constexpr int kSteps = 40;
  Bench bench(problem, spec, kSteps);
  at::Tensor mask;
  for (int t = 1; t <= kSteps; ++t) {
    EXPECT_EQ(bench.method->prunes(bench.context), t <= kSteps / 2) << t;
    bench.step(t);
    if (t == kSteps / 2) mask = bench.weight.detach() != 0;
    if (t < kSteps / 2) continue;
    EXPECT_TRUE(check_pattern({bench.weight.const_data_ptr<float>(), kRows, kColumns}, {2, 4}).valid());
    EXPECT_TRUE(at::equal(bench.weight.detach() != 0, mask)) << t;
    EXPECT_EQ(bench.method->pull(bench.context, t + 1).pull, 0);
  }
}

TEST(AdmmStage, PullsSumToWhatTheRecipeSays) {
  const Problem problem(4);
  StageSpec spec = stage("admm");
  spec.rho = 0;
  spec.pull = 8;
  spec.settle = 0.25;
  Bench bench(problem, spec, 400);
  double sum = 0;
  for (int64_t t = 1; t <= 400; ++t) sum += bench.method->pull(bench.context, t).pull;
  EXPECT_NEAR(sum, 8, 1e-9);
}

TEST(AdmmUnstructured, KeepsTheLargestOfTheWholeLayer) {
  const Problem problem(5);
  StageSpec spec = stage("admm-unstructured");
  spec.rho = 0;
  spec.pull = 0.1;
  spec.dual = 0;
  Bench bench(problem, spec, 9);
  for (int t = 1; t <= 9; ++t) bench.step(t);
  const std::vector<double> w = values(bench.weight), target = values(bench.optimizer.slot("w").target);
  std::vector<double> sizes;
  for (const double x : w) sizes.push_back(std::abs(x));
  std::ranges::sort(sizes);
  for (size_t i = 0; i < w.size(); ++i) EXPECT_EQ(target[i], std::abs(w[i]) >= sizes[kSize / 2] ? w[i] : 0) << i;
  bench.method->finish(bench.context);
  EXPECT_EQ(at::count_nonzero(bench.weight.detach()).item<int64_t>(), kSize / 2);
  // Ties go to the first.
  at::Tensor mask;
  project_unstructured(at::ones({2, 4}), {1, 4}, "ones", &mask);
  EXPECT_EQ(values(mask), (std::vector<double>{1, 1, 0, 0, 0, 0, 0, 0}));
}

TEST(Distill, LogitLossIsTheFormula) {
  at::manual_seed(6);
  for (const double tau : {1.0, 2.0, 5.0}) {
    const at::Tensor student = at::randn({7, 3}, at::kDouble), teacher = at::randn({7, 3}, at::kDouble);
    const auto s = values(student), t = values(teacher);
    double expected = 0;
    for (size_t row = 0; row < 7; ++row) {
      std::array<double, 3> p{}, q{};
      double sum_p = 0, sum_q = 0;
      for (size_t j = 0; j < 3; ++j) {
        sum_p += p[j] = std::exp(t[row * 3 + j] / tau);
        sum_q += q[j] = std::exp(s[row * 3 + j] / tau);
      }
      for (size_t j = 0; j < 3; ++j) {
        expected += tau * tau * (p[j] / sum_p) * std::log((p[j] / sum_p) / (q[j] / sum_q)) / 7;
      }
    }
    EXPECT_NEAR(logit_loss(student, teacher, TaskKind::kClassification, tau).item<double>(), expected, 1e-12);
  }
  const at::Tensor a = at::randn({4, 1}), b = at::randn({4, 1});
  EXPECT_NEAR(logit_loss(a, b, TaskKind::kRegression, 3).item<double>(), (a - b).square().mean().item<double>(), 1e-6);
}

TEST(Distill, LayersAreSpreadEvenly) {
  using Map = std::vector<int64_t>;
  EXPECT_EQ(layer_map({}, 6, 6, "t"), (Map{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(layer_map({}, 6, 12, "t"), (Map{1, 3, 5, 7, 9, 11}));
  EXPECT_EQ(layer_map({}, 2, 3, "t"), (Map{1, 2}));
  EXPECT_EQ(layer_map({2, 2}, 2, 3, "t"), (Map{1, 1}));
  EXPECT_THROW(layer_map({1}, 2, 3, "t"), UsageError);
  EXPECT_THROW(layer_map({1, 4}, 2, 3, "t"), UsageError);
}

}  // namespace
}  // namespace nxm
