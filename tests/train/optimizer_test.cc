// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "nxm/core/error.h"

namespace nxm {
namespace {

// Two dense parameters and one with a sparse gradient; sizes that no vector width divides.
std::vector<Parameter> random_parameters(int64_t seed) {
  at::manual_seed(static_cast<uint64_t>(seed));
  std::vector<Parameter> parameters;
  for (const auto& [name, rows, cols, decay, sparse] :
       {std::tuple{"a", 37, 29, true, false}, std::tuple{"b", 1, 20011, false, false},
        std::tuple{"words", 53, 17, true, true}}) {
    at::Tensor tensor = at::randn({rows, cols});
    tensor.requires_grad_(true);
    parameters.push_back({name, tensor, decay, sparse});
  }
  return parameters;
}

void set_gradients(std::vector<Parameter>& parameters, bool sparse, double scale = 1) {
  for (Parameter& parameter : parameters) {
    at::Tensor gradient = at::randn(parameter.tensor.sizes()) * scale;
    if (parameter.sparse_gradient) {
      const at::Tensor ids = at::randint(0, parameter.tensor.size(0), {11}, at::kLong);  // with repetitions
      const at::Tensor rows = at::randn({11, parameter.tensor.size(1)}) * scale;
      gradient = at::sparse_coo_tensor(ids.unsqueeze(0), rows, parameter.tensor.sizes());
      if (!sparse) gradient = gradient.to_dense();
    }
    parameter.tensor.mutable_grad() = gradient;
  }
}

// The update of optimizer.h's comment, in double, written without regard to speed.
struct Oracle {
  at::Tensor w, m, v;
  void step(const at::Tensor& gradient, double norm_scale, const at::Tensor& target, const at::Tensor& mask, int64_t t,
            const AdamW::StepSize& size, double weight_decay) {
    at::Tensor g = gradient.to(at::kDouble);
    if (target.defined()) g = g + size.rho * (w - target);
    g = g * norm_scale;
    if (mask.defined()) g = g * mask;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w = w * (1 - size.lr * weight_decay);
    w = w - size.lr * (m / (1 - std::pow(0.9, t))) / ((v / (1 - std::pow(0.999, t))).sqrt() + 1e-8);
    if (target.defined()) w = w - size.pull * (w - target);
    if (mask.defined()) w = w * mask;
  }
};

class AdamWPath : public ::testing::TestWithParam<bool> {};
TEST_P(AdamWPath, EqualsTheFormulaWithPullMaskAndDecay) {
  for (const bool sparse : {false, true}) {
    auto parameters = random_parameters(1);
    AdamW optimizer(parameters, {.weight_decay = 0.1, .clip = 0.7, .fused = GetParam()});
    const at::Tensor target = at::randn({37, 29}), mask = at::rand({1, 20011}).gt(0.5).to(at::kByte);
    optimizer.slot("a").target = target;
    optimizer.slot("b").mask = mask;
    std::vector<Oracle> oracles;
    for (const auto& p : parameters) {
      const at::Tensor w = p.tensor.detach().to(at::kDouble);
      oracles.push_back({w, at::zeros_like(w), at::zeros_like(w)});
    }
    for (int64_t t = 1; t <= 30; ++t) {
      set_gradients(parameters, sparse);
      const AdamW::StepSize size{0.01 * static_cast<double>(t), 0.3, 0.02};
      double squares = 0;
      std::vector<at::Tensor> gradients;
      for (size_t i = 0; i < parameters.size(); ++i) {
        const at::Tensor raw = parameters[i].tensor.grad();
        gradients.push_back((raw.is_sparse() ? raw.to_dense() : raw).to(at::kDouble));
        at::Tensor g = gradients[i];
        if (i == 0) g = g + size.rho * (oracles[0].w - target);
        if (i == 1) g = g * mask;
        squares += g.square().sum().item<double>();
      }
      const double norm = std::sqrt(squares);
      const auto report = optimizer.step(size);
      EXPECT_NEAR(report.gradient_norm, norm, 1e-4 * norm);
      EXPECT_NEAR(report.penalty, 0.15 * (oracles[0].w - target).square().sum().item<double>(), 1e-3 * report.penalty);
      const double scale = std::min(1.0, 0.7 / (norm + 1e-6));
      for (size_t i = 0; i < parameters.size(); ++i) {
        oracles[i].step(gradients[i], scale, i == 0 ? target : at::Tensor(), i == 1 ? mask : at::Tensor(), t, size,
                        parameters[i].decay ? 0.1 : 0);
        const double apart = (parameters[i].tensor.detach() - oracles[i].w).abs().max().item<double>();
        ASSERT_LT(apart, 2e-4) << parameters[i].name << " step " << t << " sparse " << sparse;
        ASSERT_FALSE(parameters[i].tensor.grad().defined());
      }
    }
    EXPECT_EQ(at::count_nonzero(parameters[1].tensor.detach() * (1 - mask)).item<int64_t>(), 0);
  }
}
INSTANTIATE_TEST_SUITE_P(Paths, AdamWPath, ::testing::Bool(),
                         [](const auto& fused) { return fused.param ? "fused" : "tensor_operations"; });

TEST(AdamW, EmbeddingRowsNoBatchTouchedStayAsTheyAre) {
  auto parameters = random_parameters(2);
  const at::Tensor before = parameters[2].tensor.detach().clone();
  AdamW optimizer(parameters, {});
  std::vector<bool> touched(53, false);
  for (int t = 0; t < 3; ++t) {
    set_gradients(parameters, true);
    const at::Tensor rows = parameters[2].tensor.grad()._indices();
    for (int64_t i = 0; i < rows.numel(); ++i) touched[static_cast<size_t>(rows[0][i].item<int64_t>())] = true;
    optimizer.step({.lr = 0.1});
  }
  for (int64_t row = 0; row < 53; ++row) {
    EXPECT_EQ(at::equal(before[row], parameters[2].tensor.detach()[row]), !touched[static_cast<size_t>(row)]) << row;
  }
}

TEST(AdamW, ResultDoesNotDependOnThreads) {
  at::Tensor results[2];
  for (const int threads : {1, 2}) {
    at::set_num_threads(threads);
    auto parameters = random_parameters(3);
    AdamW optimizer(parameters, {.clip = 0.5});
    for (int t = 0; t < 5; ++t) {
      set_gradients(parameters, true);
      optimizer.step({.lr = 0.1});
    }
    results[threads - 1] = parameters[1].tensor.detach().clone();
  }
  EXPECT_TRUE(at::equal(results[0], results[1]));
}

TEST(AdamW, SavedAndLoadedGoesOnAlike) {
  auto straight = random_parameters(4), resumed = random_parameters(4);
  AdamW a(straight, {.clip = 1}), b(resumed, {.clip = 1});
  const at::Tensor target = at::randn({37, 29});
  a.slot("a").target = b.slot("a").target = target;
  TensorMap state;
  for (int t = 0; t < 8; ++t) {
    at::manual_seed(static_cast<uint64_t>(100 + t));
    set_gradients(straight, true);
    at::manual_seed(static_cast<uint64_t>(100 + t));
    set_gradients(resumed, true);
    a.step({.lr = 0.1, .rho = 0.1, .pull = 0.1});
    if (t == 4) {
      b.save(state);
      for (auto& [name, tensor] : state) tensor = tensor.clone();
      AdamW fresh(resumed, {.clip = 1});
      fresh.load(state, b.steps());
      b = std::move(fresh);
    }
    b.step({.lr = 0.1, .rho = 0.1, .pull = 0.1});
  }
  for (size_t i = 0; i < straight.size(); ++i) EXPECT_TRUE(at::equal(straight[i].tensor, resumed[i].tensor)) << i;
  state.erase("first.b");
  EXPECT_THROW(b.load(state, 1), ContractError);
}

TEST(AdamW, GradientThatIsNotFiniteNamesItsTensorAndChangesNothing) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto parameters = random_parameters(5);
    AdamW optimizer(parameters, {});
    set_gradients(parameters, true);
    parameters[1].tensor.mutable_grad().index_put_({at::tensor(0), at::tensor(77)}, at::tensor(bad));
    const at::Tensor before = parameters[0].tensor.detach().clone();
    try {
      optimizer.step({.lr = 0.1});
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("gradient of 'b'"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(at::equal(before, parameters[0].tensor.detach()));
    EXPECT_EQ(optimizer.steps(), 0);
  }
}

TEST(LinearSchedule, WarmsUpThenDecaysToZero) {
  EXPECT_DOUBLE_EQ(linear_schedule(0, 100, 0), 1);
  EXPECT_DOUBLE_EQ(linear_schedule(50, 100, 0), 0.5);
  EXPECT_DOUBLE_EQ(linear_schedule(0, 100, 10), 0);
  EXPECT_DOUBLE_EQ(linear_schedule(5, 100, 10), 0.5);
  EXPECT_DOUBLE_EQ(linear_schedule(10, 100, 10), 1);
  EXPECT_DOUBLE_EQ(linear_schedule(100, 100, 10), 0);
}

}  // namespace
}  // namespace nxm
