// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <mutex>
#include <set>
#include <thread>

#include "nxm/train/device.h"

namespace nxm {
namespace {

/// A model with weights of some size, so that softmax, GELU and LayerNorm all matter.
Bert model_of(int64_t hidden, int64_t heads, int64_t inner, double hidden_dropout, double attention_dropout) {
  ModelConfig config;
  config.hidden_size = hidden;
  config.num_hidden_layers = 3;
  config.num_attention_heads = heads;
  config.intermediate_size = inner;
  config.max_position_embeddings = 80;
  config.vocab_size = 50;
  config.labels = {"no", "yes"};
  config.hidden_dropout_prob = hidden_dropout;
  config.attention_probs_dropout_prob = attention_dropout;
  Bert model(config, at::kCPU);
  for (const Parameter& parameter : model.parameters()) {
    const at::Tensor noise = at::randn(parameter.tensor.sizes());
    const bool matrix = parameter.tensor.dim() == 2;
    const bool embedding = parameter.name.find("embeddings") != std::string::npos;
    parameter.tensor.detach().add_(noise, matrix && !embedding ? 1.5 / std::sqrt(parameter.tensor.size(1)) : 0.3);
  }
  return model;
}

BertInput input_of(const std::vector<int64_t>& lengths) {
  Dataset data;
  Rng rng(7, "tokens");
  for (const int64_t length : lengths) {
    for (int64_t i = 0; i < length; ++i) {
      data.ids.push_back(static_cast<int32_t>(rng.below(50)));
      data.type_ids.push_back(i > length / 2 ? 1 : 0);
    }
    data.begin.push_back(static_cast<int64_t>(data.ids.size()));
    data.labels.push_back(0);
  }
  std::vector<int64_t> all(lengths.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  return to_device(make_batch(data, all), at::kCPU);
}

struct Result {
  at::Tensor logits;
  std::vector<at::Tensor> gradients;
};

/// Logits, and the gradients of a loss that weighs each of them differently.
Result run(Bert& model, const BertInput& input, bool training, bool by_operator, bool bf16 = false) {
  Compute compute;
  compute.bf16 = bf16;
  Result result;
  {
    AutocastScope scope(compute);
    result.logits = model.forward(input, training, nullptr, {}, by_operator);
  }
  const at::Tensor weight = at::linspace(-1, 1, result.logits.numel()).view_as(result.logits) + 0.3;
  torch::autograd::backward({(result.logits * weight).sum()}, {});
  for (Parameter& parameter : model.parameters()) {
    at::Tensor g = parameter.tensor.grad();
    result.gradients.push_back(g.is_sparse() ? g.to_dense() : g.clone());
    parameter.tensor.mutable_grad().reset();
  }
  result.logits = result.logits.detach();
  return result;
}

double relative(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / std::max(b.norm().item<double>(), 1e-12);
}

TEST(Encoder, IsTheEncoderOperatorByOperator) {
  at::manual_seed(3);
  for (const auto& [hidden, heads, inner] :
       {std::tuple<int64_t, int64_t, int64_t>{32, 4, 64}, {24, 3, 40}, {96, 2, 200}}) {
    for (const auto& lengths : {std::vector<int64_t>{5, 5, 1, 9, 33, 70, 9}, {1}, {17, 17, 17}, {2, 64}}) {
      Bert model = model_of(hidden, heads, inner, 0.1, 0.1);
      const BertInput input = input_of(lengths);
      const Result want = run(model, input, false, true);
      const Result got = run(model, input, false, false);
      EXPECT_LT(relative(got.logits, want.logits), 1e-5);
      for (size_t i = 0; i < want.gradients.size(); ++i) {
        const Parameter& parameter = model.parameters()[i];
        // Softmax does not see what all keys share, nor a single one: such gradients are nothing but rounding.
        if (parameter.name.ends_with("key.bias") || input.ids.size(0) == 1) {
          EXPECT_LT((got.gradients[i] - want.gradients[i]).abs().max().item<double>(), 1e-4) << parameter.name;
        } else {
          // What reaches queries and keys is a difference that the softmax makes small.
          const bool difference =
              parameter.name.find("query") != std::string::npos || parameter.name.ends_with("key.weight");
          EXPECT_LT(relative(got.gradients[i], want.gradients[i]), difference ? 1e-4 : 3e-5) << parameter.name;
        }
      }
    }
  }
}

TEST(Encoder, Bf16IsAsNearToF32AsOperatorByOperator) {
  at::manual_seed(4);
  Bert model = model_of(64, 4, 256, 0.1, 0.1);
  const BertInput input = input_of({5, 5, 9, 9, 9, 30, 33, 70});
  const Result exact = run(model, input, false, true);
  const Result theirs = run(model, input, false, true, true);
  const Result ours = run(model, input, false, false, true);
  EXPECT_GT(relative(ours.logits, exact.logits), 1e-5) << "not rounded to bf16 at all?";
  EXPECT_LT(relative(ours.logits, exact.logits), 1.3 * relative(theirs.logits, exact.logits) + 2e-3);
  for (size_t i = 0; i < exact.gradients.size(); ++i) {
    const Parameter& parameter = model.parameters()[i];
    if (parameter.name.ends_with("key.bias")) continue;
    EXPECT_LT(relative(ours.gradients[i], exact.gradients[i]),
              1.3 * relative(theirs.gradients[i], exact.gradients[i]) + 5e-3)
        << parameter.name;
  }
}

TEST(Encoder, WithoutGradientsTheSameBits) {
  at::manual_seed(5);
  const Bert model = model_of(32, 4, 64, 0.1, 0.1);
  const BertInput input = input_of({5, 3, 40});
  const at::Tensor with = model.forward(input, false).detach();
  const at::NoGradGuard no_gradient;
  EXPECT_TRUE(at::equal(model.forward(input, false), with));
}

// With the generator where it was, dropout is a fixed function, whose slope along a direction is a quotient of
// differences.
TEST(Encoder, DropoutOnTheWayBackIsThatOnTheWayForth) {
  at::manual_seed(6);
  Bert model = model_of(32, 4, 64, 0.2, 0.3);
  const BertInput input = input_of({5, 5, 9, 33, 12});
  const auto loss = [&] {
    at::manual_seed(11);
    const at::Tensor logits = model.forward(input, true);
    const at::Tensor weight = at::linspace(-1, 1, logits.numel()).view_as(logits) + 0.3;
    return (logits * weight).sum();
  };
  torch::autograd::backward({loss()}, {});
  std::vector<at::Tensor> gradients;
  for (Parameter& parameter : model.parameters()) {
    const at::Tensor g = parameter.tensor.grad();
    gradients.push_back(g.is_sparse() ? g.to_dense() : g.clone());
  }
  const at::NoGradGuard no_gradient;
  const auto moved = [&](const at::Tensor& tensor, const at::Tensor& by, double scale) {
    tensor.detach().add_(by, scale);
    const double value = loss().item<double>();
    tensor.detach().sub_(by, scale);
    return value;
  };
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Parameter& parameter = model.parameters()[i];
    const double norm = gradients[i].norm().item<double>();
    if (parameter.name.ends_with("key.bias") || norm < 1e-3) continue;
    const at::Tensor along = gradients[i] / norm;
    const double step = 2e-3;
    const double slope = (moved(parameter.tensor, along, step) - moved(parameter.tensor, along, -step)) / (2 * step);
    EXPECT_NEAR(slope / norm, 1, 0.02) << parameter.name;
  }
}

TEST(Encoder, DropoutChangesWithTheGeneratorAndNotWithThreads) {
  at::manual_seed(6);
  Bert model = model_of(32, 4, 64, 0.2, 0.3);
  const BertInput input = input_of({5, 5, 9, 33, 12, 3, 3});
  const auto with = [&](uint64_t seed, int threads) {
    at::set_num_threads(threads);
    at::manual_seed(seed);
    return run(model, input, true, false);
  };
  const int before = at::get_num_threads();
  const Result one = with(1, 1), again = with(1, 1), many = with(1, 3), other = with(2, 1);
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(one.logits, again.logits));
  EXPECT_LT(relative(many.logits, one.logits), 1e-6);
  EXPECT_GT(relative(other.logits, one.logits), 1e-2);
  for (size_t i = 0; i < one.gradients.size(); ++i) {
    EXPECT_TRUE(at::equal(one.gradients[i], again.gradients[i])) << model.parameters()[i].name;
  }
}

TEST(Encoder, GoesBackOnce) {
  const Bert model = model_of(32, 4, 64, 0, 0);
  const at::Tensor sum = model.forward(input_of({4, 6}), false).sum();
  torch::autograd::backward({sum}, {}, /*retain_graph=*/true);
  EXPECT_ANY_THROW(torch::autograd::backward({sum}, {}));
}

// at::parallel_for is a header's template: compiled without OpenMP it would run everything on one thread, and say
// nothing.
TEST(ParallelFor, UsesAllThreads) {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  at::parallel_for(0, 3, 1, [&](int64_t /*begin*/, int64_t /*end*/) {
    const std::scoped_lock lock(mutex);
    threads.insert(std::this_thread::get_id());
  });
  at::set_num_threads(before);
  EXPECT_EQ(threads.size(), 3U);
}

}  // namespace
}  // namespace nxm
