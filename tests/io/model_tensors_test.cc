// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_tensors.h"

#include <gtest/gtest.h>

namespace nxm {
namespace {

TEST(ModelTensors, SparsifiedAreMatricesOfTheModelInOrderOfLayer) {
  ModelConfig config;
  config.num_hidden_layers = 3;
  const auto names = sparsified_names(config);
  const auto tensors = expected_tensors(config);
  ASSERT_EQ(names.size(), 18U);
  EXPECT_EQ(names[0], "bert.encoder.layer.0.attention.self.query.weight");
  EXPECT_EQ(names[17], "bert.encoder.layer.2.output.dense.weight");
  for (const auto& name : names) EXPECT_EQ(tensors.at(name).size(), 2U) << name;
  EXPECT_EQ(tensors.at(names[4]), (std::vector<int64_t>{3072, 768}));
  EXPECT_EQ(tensors.at(names[5]), (std::vector<int64_t>{768, 3072}));
}

// 109,482,240 is the well-known size of bert-base-uncased with its pooler; tests/io/test_model_dir.py compares every
// name and shape with transformers.
TEST(ModelTensors, CountOfBertBase) {
  ModelConfig config;
  config.labels = {"a", "b", "c"};
  int64_t count = 0;
  for (const auto& [name, shape] : expected_tensors(config)) {
    int64_t elements = 1;
    for (const int64_t dimension : shape) elements *= dimension;
    count += elements;
  }
  EXPECT_EQ(count, 109482240 + 3 * 768 + 3);
  config.labels.clear();
  EXPECT_EQ(expected_tensors(config).at("classifier.weight"), (std::vector<int64_t>{1, 768}));
}

}  // namespace
}  // namespace nxm
