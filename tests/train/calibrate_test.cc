// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/calibrate.h"

#include <gtest/gtest.h>

#include "nxm/io/model_dir.h"

namespace nxm {
namespace {

TEST(Calibrate, GramMatricesAreThoseOfTheInputsOneTextAtATime) {
  at::manual_seed(21);
  ModelConfig config;
  config.hidden_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 32;
  config.max_position_embeddings = 16;
  config.vocab_size = 20;
  config.labels = {"no", "yes"};
  Bert model(config, at::kCPU);
  for (const Parameter& parameter : model.parameters()) {
    parameter.tensor.detach().copy_(at::randn(parameter.tensor.sizes()) * 0.3);
  }
  Dataset data;
  for (int64_t i = 0; i < 70; ++i) {
    const int64_t length = 3 + i % 5;
    for (int64_t j = 0; j < length; ++j) {
      data.ids.push_back(static_cast<int32_t>((7 * i + 3 * j) % 20));
      data.type_ids.push_back(0);
    }
    data.begin.push_back(static_cast<int64_t>(data.ids.size()));
    data.labels.push_back(0);
  }

  std::map<const void*, at::Tensor> sums;
  std::map<const void*, int64_t> rows;
  for (int64_t i = 0; i < data.size(); ++i) {
    const int64_t one[] = {i};
    at::NoGradGuard no_gradient;
    static_cast<void>(model.forward(to_device(make_batch(data, one), at::kCPU), false, nullptr,
                                    [&](const at::Tensor& weight, const at::Tensor& input) {
                                      const at::Tensor x = input.to(at::kDouble);
                                      at::Tensor& sum = sums[weight.unsafeGetTensorImpl()];
                                      sum = sum.defined() ? sum + x.t().mm(x) : x.t().mm(x);
                                      rows[weight.unsafeGetTensorImpl()] += input.size(0);
                                    }));
  }
  ASSERT_EQ(sums.size(), sparsified_names(config).size());
  for (const bool bf16 : {false, true}) {
    const auto grams = gram_matrices(model, data, 1000, Compute{.bf16 = bf16});
    ASSERT_EQ(grams.size(), sums.size());
    for (const auto& [weight, sum] : sums) {
      const at::Tensor expected = sum / static_cast<double>(rows[weight]);
      const at::Tensor& found = grams.at(weight);
      EXPECT_EQ(found.scalar_type(), at::kFloat);
      EXPECT_TRUE(at::allclose(found, found.t()));
      const double apart = (found - expected).abs().max().item<double>() / expected.abs().max().item<double>();
      EXPECT_LT(apart, bf16 ? 0.05 : 1e-5);
    }
  }
  EXPECT_EQ(gram_matrices(model, data, 3, Compute{}).size(), sums.size());
}

}  // namespace
}  // namespace nxm
