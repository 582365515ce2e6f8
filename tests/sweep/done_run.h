// SPDX-License-Identifier: Apache-2.0
#pragma once
// A run's folder as `nxm finetune` leaves it, made up.

#include <span>
#include <string>
#include <vector>

#include "nxm/io/atomic_file.h"
#include "nxm/io/write_model.h"
#include "nxm/report/results.h"
#include "sweep/support.h"

namespace nxm::test {

/// The stages of `recipe` with these scores.
inline std::vector<StageResult> results_of(const Recipe& recipe, const std::vector<double>& scores) {
  std::vector<StageResult> stages;
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    StageResult& stage = stages.emplace_back();
    stage.index = static_cast<int64_t>(i);
    stage.name = recipe.stages[i].name;
    stage.method = recipe.stages[i].method;
    stage.pattern = i == 0 ? "" : "2:4";
    stage.metrics = {{"accuracy", scores.at(i)}};
    stage.score = scores.at(i);
  }
  return stages;
}

inline void write_done_run(const fs::path& folder, const Recipe& recipe, const std::vector<double>& scores) {
  fs::create_directories(folder);
  write_file(folder / "recipe.toml", recipe.to_toml());
  write_file(folder / "all_results.json", all_results_json(results_of(recipe, scores), 10, 5).dump());
  ModelConfig config;
  config.vocab_size = 10;
  config.hidden_size = 4;
  config.num_hidden_layers = config.num_attention_heads = 1;
  config.intermediate_size = 4;
  config.max_position_embeddings = 5;
  config.labels = {"no", "yes"};
  std::vector<TensorToWrite> tensors;
  const std::vector<float> zeros(64);
  for (const auto& [name, shape] : expected_tensors(config)) {
    size_t count = 1;
    for (const int64_t n : shape) count *= static_cast<size_t>(n);
    tensors.push_back({name, DType::kF32, shape, std::as_bytes(std::span(zeros).first(count))});
  }
  write_model_dir(folder / "model", config, std::move(tensors), "");
  write_file(folder / "model" / "tokenizer.json", "{}");
}

}  // namespace nxm::test
