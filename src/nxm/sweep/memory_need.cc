// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/memory_need.h"

#include <algorithm>

namespace nxm {
namespace {

// From the peak memory of whole runs (docs/sweep.md); what is estimated is 2 to 20 % above each of them.
constexpr double kProgram = 150e6;         // the program, LibTorch and a model of hardly any size
constexpr double kBytesPerWeight = 25;     // the weight, its gradient, Adam's two moments, the pattern's copies
constexpr double kBytesPerHidden = 70;     // of each token, layer and hidden unit: what the backward pass needs
constexpr double kBytesPerAttention = 12;  // of each head's T x T: scores, probabilities, dropout

}  // namespace

uint64_t memory_need(const ModelDir& model, const Recipe& recipe) {
  double weights = 0;
  for (const std::string& name : model.names()) {
    double size = 1;
    for (const int64_t n : model.info(name).shape) size *= static_cast<double>(n);
    weights += size;
  }
  const ModelConfig& config = model.config();
  double most = 0;
  for (const StageSpec& stage : recipe.stages) {
    const auto length = static_cast<double>(stage.max_length);
    const double tokens = static_cast<double>(stage.batch) * length;
    const double layer = kBytesPerHidden * tokens * static_cast<double>(config.hidden_size) +
                         kBytesPerAttention * tokens * length * static_cast<double>(config.num_attention_heads);
    most = std::max(most, layer * static_cast<double>(config.num_hidden_layers));
  }
  constexpr double kMost = 1e18;  // beyond any machine's, and inside uint64_t
  return static_cast<uint64_t>(std::min(kMost, kProgram + kBytesPerWeight * weights + most));
}

}  // namespace nxm
