// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace nxm {
namespace {

struct Linear {
  std::string_view name;
  int64_t ModelConfig::*out;
  int64_t ModelConfig::*in;
};
constexpr std::array kLayerLinears = {
    Linear{"attention.self.query", &ModelConfig::hidden_size, &ModelConfig::hidden_size},
    Linear{"attention.self.key", &ModelConfig::hidden_size, &ModelConfig::hidden_size},
    Linear{"attention.self.value", &ModelConfig::hidden_size, &ModelConfig::hidden_size},
    Linear{"attention.output.dense", &ModelConfig::hidden_size, &ModelConfig::hidden_size},
    Linear{"intermediate.dense", &ModelConfig::intermediate_size, &ModelConfig::hidden_size},
    Linear{"output.dense", &ModelConfig::hidden_size, &ModelConfig::intermediate_size},
};

std::string layer_prefix(int64_t layer) { return fmt::format("bert.encoder.layer.{}.", layer); }

}  // namespace

std::vector<std::string> sparsified_names(const ModelConfig& config) {
  std::vector<std::string> names;
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    for (const Linear& linear : kLayerLinears)
      names.push_back(fmt::format("{}{}.weight", layer_prefix(layer), linear.name));
  }
  return names;
}

std::map<std::string, std::vector<int64_t>> expected_tensors(const ModelConfig& config) {
  std::map<std::string, std::vector<int64_t>> tensors;
  const int64_t hidden = config.hidden_size;
  const auto add_linear = [&](const std::string& name, int64_t out, int64_t in) {
    tensors[name + ".weight"] = {out, in};
    tensors[name + ".bias"] = {out};
  };
  const auto add_norm = [&](const std::string& name) {
    tensors[name + ".weight"] = tensors[name + ".bias"] = {hidden};
  };
  tensors["bert.embeddings.word_embeddings.weight"] = {config.vocab_size, hidden};
  tensors["bert.embeddings.position_embeddings.weight"] = {config.max_position_embeddings, hidden};
  tensors["bert.embeddings.token_type_embeddings.weight"] = {config.type_vocab_size, hidden};
  add_norm("bert.embeddings.LayerNorm");
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    for (const Linear& linear : kLayerLinears)
      add_linear(prefix + std::string(linear.name), config.*linear.out, config.*linear.in);
    add_norm(prefix + "attention.output.LayerNorm");
    add_norm(prefix + "output.LayerNorm");
  }
  add_linear("bert.pooler.dense", hidden, hidden);
  add_linear("classifier", std::max<int64_t>(1, static_cast<int64_t>(config.labels.size())), hidden);
  return tensors;
}

}  // namespace nxm
