// SPDX-License-Identifier: Apache-2.0
#pragma once
// A two-layer model with random weights, for tests of model folders.

#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "nxm/core/rng.h"
#include "nxm/io/model_dir.h"

namespace nxm::testing {

struct TinyModel {
  ModelConfig config;
  std::deque<std::vector<float>> data;
  std::vector<TensorToWrite> tensors;

  TinyModel(const TinyModel&) = delete;  // tensors look into data
  TinyModel& operator=(const TinyModel&) = delete;
  explicit TinyModel(std::vector<std::string> labels = {"no", "yes"}) {
    config.vocab_size = 40;
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 16;
    config.max_position_embeddings = 12;
    config.labels = std::move(labels);
    Rng rng(1, "tiny model");
    for (const auto& [name, shape] : expected_tensors(config)) {
      size_t count = 1;
      for (const int64_t dimension : shape) count *= static_cast<size_t>(dimension);
      data.emplace_back(count);
      for (float& value : data.back()) value = static_cast<float>(rng.normal());
      tensors.push_back({name, DType::kF32, shape, std::as_bytes(std::span(data.back()))});
    }
  }
};

}  // namespace nxm::testing
