// SPDX-License-Identifier: Apache-2.0
// Layer-wise pruning against trying every mask with an exact solve.
#include "nxm/train/reconstruct.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "nxm/core/mask.h"
#include "nxm/train/admm.h"

namespace nxm {
namespace {

at::Tensor random_gram(int64_t inputs, int64_t rows) {
  // Correlated inputs: without correlation magnitude pruning is exact already.
  const at::Tensor x = at::randn({rows, inputs}, at::kDouble).mm(at::randn({inputs, inputs}, at::kDouble));
  return x.t().mm(x) / static_cast<double>(rows);
}

at::Tensor damped(const at::Tensor& gram) {
  return gram + 0.01 * gram.diagonal().mean() * at::eye(gram.size(0), at::kDouble);
}

// The row's best weights on `kept`, exactly.
at::Tensor solve_on(const at::Tensor& row, const at::Tensor& h, const std::vector<int64_t>& kept) {
  const at::Tensor index = at::tensor(kept);
  const at::Tensor block = h.index_select(0, index).index_select(1, index);
  const at::Tensor right = h.mm(row.view({-1, 1})).index_select(0, index);
  at::Tensor z = at::zeros({row.size(0), 1}, at::kDouble);
  z.index_copy_(0, index, at::linalg_solve(block, right));
  return z.view({1, -1});
}

// The least error over all 2:4 masks of a row of 8.
double brute_force(const at::Tensor& row, const at::Tensor& h) {
  double best = std::numeric_limits<double>::infinity();
  for (int64_t a = 0; a < 16; ++a) {
    for (int64_t b = 0; b < 16; ++b) {
      std::vector<int64_t> kept;
      for (int64_t i = 0; i < 8; ++i) {
        if (((i < 4 ? a >> i : b >> (i - 4)) & 1) != 0) kept.push_back(i);
      }
      if (__builtin_popcountll(static_cast<uint64_t>(a)) != 2 || kept.size() != 4) continue;
      best = std::min(best, reconstruction_error(row.view({1, -1}), solve_on(row, h, kept), h));
    }
  }
  return best;
}

TEST(Reconstruct, NearTheBestOfAllMasks) {
  ThreadPool pool(1);
  at::manual_seed(11);
  double ours = 0, best = 0, magnitude = 0;
  constexpr int64_t kOutputs = 40;
  for (int trial = 0; trial < 5; ++trial) {
    const at::Tensor gram = random_gram(8, 100), h = damped(gram);
    const at::Tensor w = at::randn({kOutputs, 8});
    const at::Tensor z = reconstruct(w, gram, {2, 4}, "w", pool);
    EXPECT_TRUE(check_pattern({z.const_data_ptr<float>(), kOutputs, 8}, {2, 4}).valid());
    at::Tensor mask;
    project_tensor(w, {2, 4}, "w", pool, &mask);
    for (int64_t row = 0; row < kOutputs; ++row) {
      const at::Tensor from = w[row].to(at::kDouble);
      const double error = reconstruction_error(from.view({1, -1}), z[row].view({1, -1}), h);
      const double least = brute_force(from, h);
      EXPECT_GE(error, least * (1 - 1e-5) - 1e-9);
      ours += error;
      best += least;
      std::vector<int64_t> kept;
      for (int64_t i = 0; i < 8; ++i) {
        if (mask[row][i].item<int>() != 0) kept.push_back(i);
      }
      magnitude += reconstruction_error(from.view({1, -1}), solve_on(from, h, kept), h);
    }
  }
  EXPECT_LT(ours, 1.25 * best);
  EXPECT_LT(ours, 0.6 * magnitude);  // the magnitude mask, though refitted exactly
}

TEST(Reconstruct, WeightsOnTheMaskAreTheExactSolution) {
  ThreadPool pool(1);
  at::manual_seed(12);
  const at::Tensor gram = random_gram(32, 500), h = damped(gram);
  const at::Tensor w = at::randn({6, 32});
  const at::Tensor z = reconstruct(w, gram, {2, 4}, "w", pool);
  for (int64_t row = 0; row < 6; ++row) {
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < 32; ++i) {
      if (z[row][i].item<float>() != 0) kept.push_back(i);
    }
    const double error = reconstruction_error(w[row].view({1, -1}), z[row].view({1, -1}), h);
    const double exact = reconstruction_error(w[row].view({1, -1}), solve_on(w[row].to(at::kDouble), h, kept), h);
    EXPECT_LT(error, exact * 1.05) << row;
  }
}

TEST(Reconstruct, WithoutCorrelationItIsTheWeightedProjection) {
  ThreadPool pool(2);
  at::manual_seed(13);
  for (const Pattern& pattern : {Pattern{2, 4}, Pattern{1, 4}, Pattern{4, 8}}) {
    const at::Tensor w = at::randn({5, 16});
    const at::Tensor diagonal = at::rand({16}, at::kDouble) + 0.5;
    const at::Tensor z = reconstruct(w, at::diag(diagonal), pattern, "w", pool);
    const at::Tensor weights = diagonal + 0.01 * diagonal.mean();
    const at::Tensor wanda = project_tensor(w, pattern, "w", pool, nullptr, weights.to(at::kFloat).expand({5, 16}));
    EXPECT_TRUE(at::allclose(z, wanda, 1e-5, 1e-6));
  }
}

TEST(Reconstruct, InputsThatAreAlwaysZeroArePrunedFirst) {
  ThreadPool pool(1);
  at::manual_seed(14);
  at::Tensor gram = random_gram(8, 100);
  for (const int64_t dead : {1, 2}) {
    gram[dead].zero_();
    gram.select(1, dead).zero_();
  }
  const at::Tensor z = reconstruct(at::ones({3, 8}), gram, {2, 4}, "w", pool);
  EXPECT_TRUE(at::isfinite(z).all().item<bool>());
  EXPECT_EQ(z.select(1, 1).abs().sum().item<float>(), 0);
  EXPECT_EQ(z.select(1, 2).abs().sum().item<float>(), 0);
  const at::Tensor nothing = reconstruct(at::randn({3, 8}), at::zeros({8, 8}), {2, 4}, "w", pool);
  EXPECT_TRUE(at::isfinite(nothing).all().item<bool>());
}

}  // namespace
}  // namespace nxm
