// SPDX-License-Identifier: Apache-2.0
#pragma once
// Small models with random weights, in memory, for tests of model folders and of the runtime.

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nxm/core/projection.h"
#include "nxm/core/rng.h"
#include "nxm/io/model_dir.h"

namespace nxm::testing {

inline ModelConfig tiny_config(std::vector<std::string> labels = {"no", "yes"}) {
  ModelConfig config;
  config.vocab_size = 40;
  config.hidden_size = 8;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 16;
  config.max_position_embeddings = 12;
  config.labels = std::move(labels);
  return config;
}

/// All that a classifier of this config holds; the layers that nxm makes sparse in `pattern`. The same values each
/// time.
struct RandomModel {
  ModelConfig config;
  std::deque<std::vector<float>> data;  ///< of each tensor
  std::vector<TensorToWrite> tensors;   ///< sorted by name; look into data

  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;
  explicit RandomModel(ModelConfig of = tiny_config(), const std::optional<Pattern>& pattern = std::nullopt)
      : config(std::move(of)) {
    Rng rng(7, "random model");
    const std::vector<std::string> sparse = sparsified_names(config);
    for (const auto& [name, shape] : expected_tensors(config)) {
      const int64_t rows = shape[0], cols = shape.size() > 1 ? shape[1] : 1;
      std::vector<float>& values = data.emplace_back(static_cast<size_t>(rows * cols));
      const bool norm = name.ends_with("LayerNorm.weight");
      for (float& value : values) value = static_cast<float>((norm ? 1 : 0) + 0.2 * rng.normal());
      if (pattern && std::ranges::find(sparse, name) != sparse.end()) {
        const MatrixView<float> weight{values.data(), rows, cols};
        project(weight, *pattern, weight, {}, name);
      }
      tensors.push_back({name, DType::kF32, shape, std::as_bytes(std::span(values))});
    }
  }

  std::vector<float>& values(std::string_view name) {
    return data[static_cast<size_t>(std::ranges::find(tensors, name, &TensorToWrite::name) - tensors.begin())];
  }
};

}  // namespace nxm::testing
