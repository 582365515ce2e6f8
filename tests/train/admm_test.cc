// SPDX-License-Identifier: Apache-2.0
// ADMM on a convex quadratic f(W) = 1/2 sum_i (w_i - a)^T H (w_i - a), where the best N:M-sparse W can be found by
// trying all masks, and the W-step can be solved exactly.
#include "nxm/train/admm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "nxm/core/error.h"

namespace nxm {
namespace {

struct Quadratic {
  at::Tensor h;  // (n, n) positive definite
  at::Tensor a;  // (n) the unconstrained optimum

  [[nodiscard]] double value(const at::Tensor& w) const {
    const at::Tensor d = (w - a).view({-1, 1});
    return 0.5 * d.t().mm(h).mm(d).item<double>();
  }
  // The optimum among W that are zero outside `kept`.
  [[nodiscard]] at::Tensor best_with(const std::vector<int64_t>& kept) const {
    const at::Tensor index = at::tensor(kept);
    const at::Tensor block = h.index_select(0, index).index_select(1, index);
    const at::Tensor right = h.mm(a.view({-1, 1})).index_select(0, index);
    at::Tensor w = at::zeros({a.size(0), 1}, at::kDouble);
    w.index_copy_(0, index, at::linalg_solve(block, right));
    return w.view({-1});
  }
};

Quadratic random_quadratic(uint64_t seed, int64_t n, double coupling) {
  at::manual_seed(seed);
  const at::Tensor r = at::randn({n, n}, at::kDouble);
  return {at::eye(n, at::kDouble) + coupling * r.mm(r.t()) / static_cast<double>(n), at::randn({n}, at::kDouble)};
}

// All ways to keep 2 of each 4.
std::vector<std::vector<int64_t>> masks_24(int64_t n) {
  std::vector<std::vector<int64_t>> all{{}};
  for (int64_t group = 0; group < n; group += 4) {
    std::vector<std::vector<int64_t>> longer;
    for (const auto& head : all) {
      for (int64_t i = 0; i < 4; ++i) {
        for (int64_t j = i + 1; j < 4; ++j) {
          auto mask = head;
          mask.push_back(group + i);
          mask.push_back(group + j);
          longer.push_back(mask);
        }
      }
    }
    all = std::move(longer);
  }
  return all;
}

struct Outcome {
  double value;   // f of the pruned W, refitted on its mask
  double primal;  // ||W - Z|| / ||W|| at the end
};

// `growth` 0 balances rho; 1 is the constant rho of the paper. A growing one frees the mask at first and settles it
// later; the scaled dual is y / rho, so U shrinks as rho grows.
Outcome run_admm(const Quadratic& f, double rho, double growth, int iterations) {
  ThreadPool pool(1);
  const int64_t n = f.a.size(0);
  std::vector<AdmmLayer> layers(1);
  layers[0].name = "w";
  layers[0].weight = f.a.to(at::kFloat).view({1, n}).clone();
  admm_start(layers[0], {2, 4}, pool);
  layers[0].u.zero_();
  AdmmReport report;
  for (int i = 0; i < iterations; ++i) {
    // W = argmin f(W) + rho/2 ||W - T||^2 = (H + rho I)^-1 (H a + rho T)
    const at::Tensor target = admm_target(layers[0], 1).to(at::kDouble).view({-1, 1});
    const at::Tensor left = f.h + rho * at::eye(n, at::kDouble);
    layers[0].weight.copy_(at::linalg_solve(left, f.h.mm(f.a.view({-1, 1})) + rho * target).view({1, n}));
    report = admm_update(layers, {2, 4}, 1, pool);
    if (growth == 0) rho = balance_rho(rho, /*settle=*/i >= iterations / 2, report, layers);
    const double next = std::min(8.0, rho * growth);
    if (growth > 1) layers[0].u.mul_(rho / next);
    if (growth > 1) rho = next;
  }
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < n; ++i) {
    if (layers[0].mask[0][i].item<int>() != 0) kept.push_back(i);
  }
  return {f.value(f.best_with(kept)), report.primal};
}

double brute_force(const Quadratic& f) {
  double best = std::numeric_limits<double>::infinity();
  for (const auto& mask : masks_24(f.a.size(0))) best = std::min(best, f.value(f.best_with(mask)));
  return best;
}

double magnitude_with_refit(const Quadratic& f) {
  ThreadPool pool(1);
  at::Tensor mask;
  project_tensor(f.a.to(at::kFloat).view({1, -1}), {2, 4}, "a", pool, &mask);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < f.a.size(0); ++i) {
    if (mask[0][i].item<int>() != 0) kept.push_back(i);
  }
  return f.value(f.best_with(kept));
}

TEST(Admm, FindsTheBestMaskOfASmallQuadratic) {
  // On a non-convex set ADMM is a heuristic, so "nearly always"; magnitude pruning with refit finds about three in
  // four.
  int optimal = 0;
  double gap_admm = 0, gap_magnitude = 0;
  constexpr int kCases = 30;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    const Quadratic f = random_quadratic(seed, 8, 1);
    const double best = brute_force(f);
    const Outcome found = run_admm(f, /*rho=*/0.5, /*growth=*/1.03, /*iterations=*/120);
    EXPECT_LT(found.primal, 1e-4) << "seed " << seed;
    EXPECT_GE(found.value, best - 1e-6);
    if (found.value < best + 1e-4) ++optimal;
    gap_admm += found.value - best;
    gap_magnitude += magnitude_with_refit(f) - best;
  }
  EXPECT_GE(optimal, kCases * 9 / 10);
  EXPECT_LT(gap_admm, gap_magnitude / 2);
}

TEST(Admm, ConstantRhoAboveTheCurvatureConverges) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Quadratic f = random_quadratic(seed, 8, 0.5);
    const Outcome found = run_admm(f, /*rho=*/4, /*growth=*/1, /*iterations=*/100);
    EXPECT_LT(found.primal, 1e-4) << "seed " << seed;
    EXPECT_LE(found.value, magnitude_with_refit(f) + 1e-4) << "seed " << seed;
  }
}

TEST(Admm, BalancedRhoConvergesFromAnyStart) {
  for (const double rho : {1e-4, 1.0, 1e3}) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Quadratic f = random_quadratic(seed, 8, 0.5);
      const Outcome found = run_admm(f, rho, /*growth=*/0, /*iterations=*/200);
      EXPECT_LT(found.primal, 1e-4) << "seed " << seed << " rho " << rho;
      EXPECT_GE(found.value, brute_force(f) - 1e-6);
    }
  }
}

TEST(Admm, BalancingKeepsTheDualVariable) {
  std::vector<AdmmLayer> layers(1);
  layers[0].u = at::full({2, 4}, 3.0F);
  const auto report = [](double primal, double dual_of_u) {
    return AdmmReport{.primal = primal, .dual_of_u = dual_of_u};
  };
  const auto u_is = [&](float value) { return at::equal(layers[0].u, at::full({2, 4}, value)); };
  EXPECT_EQ(balance_rho(0.5, false, report(1, 0.2), layers), 0.5);
  EXPECT_TRUE(u_is(3));
  EXPECT_EQ(balance_rho(0.5, false, report(1, 0.05), layers), 1);
  EXPECT_TRUE(u_is(1.5));  // rho*U as before
  EXPECT_EQ(balance_rho(1, false, report(0.01, 0.5), layers), 0.5);
  EXPECT_TRUE(u_is(3));
  EXPECT_EQ(balance_rho(1, true, report(0.01, 0.5), layers), 2);
  EXPECT_TRUE(u_is(1.5));
  for (const bool settle : {false, true}) EXPECT_EQ(balance_rho(1, settle, report(1e-5, 5e-5), layers), 1);
  EXPECT_TRUE(u_is(1.5));
}

TEST(Admm, BalancedRhoStaysANumberHoweverLongTheResidualStays) {
  std::vector<AdmmLayer> layers(1);
  layers[0].u = at::full({2, 4}, 1.0F);
  double up = 1, down = 1;
  for (int i = 0; i < 4000; ++i) {
    up = balance_rho(up, true, {.primal = 1, .dual_of_u = 1}, layers);
    down = balance_rho(down, false, {.primal = 0, .dual_of_u = 1}, layers);
  }
  EXPECT_EQ(up, 0x1p40);
  EXPECT_EQ(down, 0x1p-40);
  EXPECT_TRUE(at::isfinite(layers[0].u).all().item<bool>());
}

TEST(Admm, WithoutCouplingIsMagnitudePruning) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Quadratic f = random_quadratic(seed, 8, 0);
    EXPECT_NEAR(run_admm(f, 4, 1, 100).value, brute_force(f), 1e-6);
  }
}

// Layers of many stretches, and of one that is no whole vector.
TEST(Admm, ReportsTheResidualsWhateverTheThreads) {
  std::vector<AdmmReport> reports;
  for (const int threads : {1, 3}) {
    at::manual_seed(11);
    ThreadPool pool(threads);
    std::vector<AdmmLayer> layers(2);
    double w2 = 0, apart2 = 0, step2 = 0, u2 = 0;
    for (size_t i = 0; i < 2; ++i) {
      layers[i].weight = at::randn({i == 0 ? 300 : 3, i == 0 ? 260 : 20}) * 0.1;
      admm_start(layers[i], {2, 4}, pool);
      layers[i].weight.add_(at::randn(layers[i].weight.sizes()) * 0.05);
    }
    const std::vector<AdmmLayer> before = {layers[0], layers[1]};
    const std::vector<at::Tensor> u = {layers[0].u.clone(), layers[1].u.clone()};
    const AdmmReport report = admm_update(layers, {2, 4}, 0.5, pool);
    const auto squares = [](const at::Tensor& x) { return x.to(at::kDouble).square().sum().item<double>(); };
    for (size_t i = 0; i < 2; ++i) {
      const at::Tensor apart = layers[i].weight - layers[i].z;
      EXPECT_TRUE(at::equal(layers[i].u, u[i] + apart));
      w2 += squares(layers[i].weight);
      apart2 += squares(apart);
      step2 += squares(layers[i].z - before[i].z);
      u2 += squares(layers[i].u);
    }
    EXPECT_NEAR(report.primal, std::sqrt(apart2 / w2), 1e-9);
    EXPECT_NEAR(report.dual, std::sqrt(step2 / w2), 1e-9);
    EXPECT_NEAR(report.dual_of_u, std::sqrt(step2 / u2), 1e-9);
    reports.push_back(report);
  }
  EXPECT_EQ(reports[0].primal, reports[1].primal);
  EXPECT_EQ(reports[0].dual_of_u, reports[1].dual_of_u);
}

TEST(Admm, StartAndUpdateKeepTheirDefinitions) {
  at::manual_seed(7);
  ThreadPool pool(2);
  std::vector<AdmmLayer> layers(2);
  for (int i = 0; i < 2; ++i) {
    layers[static_cast<size_t>(i)].name = "layer" + std::to_string(i);
    layers[static_cast<size_t>(i)].weight = at::randn({12, 16});
    admm_start(layers[static_cast<size_t>(i)], {1, 4}, pool);
  }
  const at::Tensor u = layers[0].u.clone(), w = layers[0].weight.clone();
  EXPECT_TRUE(at::equal(u, w - layers[0].z));
  EXPECT_EQ(layers[0].mask.sum().item<int64_t>(), 12 * 16 / 4);
  layers[0].weight.add_(at::randn({12, 16}));
  const at::Tensor moved = layers[0].weight.clone();
  const at::Tensor first_mask = layers[0].mask;
  const AdmmReport report = admm_update(layers, {1, 4}, 0.5, pool);
  EXPECT_TRUE(at::equal(layers[0].z, project_tensor(moved + 0.5 * u, {1, 4}, "w", pool)));
  EXPECT_TRUE(at::equal(layers[0].u, u + (moved - layers[0].z)));
  EXPECT_TRUE(at::equal(admm_target(layers[0], 0.5), layers[0].z - 0.5 * layers[0].u));
  const double changed = layers[0].mask.ne(first_mask).sum().item<double>() / (2 * 12 * 16);
  EXPECT_GE(report.moved, changed);
  EXPECT_EQ(report.moved, report.moved_from_first);
}

TEST(Admm, NanNamesTheLayer) {
  ThreadPool pool(1);
  AdmmLayer layer;
  layer.name = "bert.encoder.layer.3.output.dense.weight";
  layer.weight = at::full({4, 8}, std::numeric_limits<float>::quiet_NaN());
  try {
    admm_start(layer, {2, 4}, pool);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(layer.name), std::string::npos);
  }
}

}  // namespace
}  // namespace nxm
