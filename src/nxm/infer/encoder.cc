// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/encoder.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/infer/encoder_pass.h"

namespace nxm {
namespace {

/// Tokens at a time, unless one sequence is longer: few enough for their activations to stay in the caches, and enough
/// to read the weights for (docs/kernels.md). The same for any number of threads, so that the answers are too.
constexpr int64_t kPassTokens = 256;

// The layers in the order in which they run. The last encoder layer asks only for each sequence's first token, but
// looks at all of them.
std::vector<LayerParts> layers_of(const ModelConfig& config, Precision precision) {
  std::vector<LayerParts> layers;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string at = fmt::format("bert.encoder.layer.{}.", i);
    const std::string self = at + "attention.self.";
    if (i + 1 < config.num_hidden_layers) {
      layers.push_back({self, {"query", "key", "value"}, precision});
    } else {
      layers.push_back({self, {"key", "value"}, precision});
      layers.push_back({self, {"query"}, precision});
    }
    layers.push_back({at, {"attention.output.dense"}, precision});
    layers.push_back({at, {"intermediate.dense"}, precision});
    layers.push_back({at, {"output.dense"}, precision});
  }
  layers.push_back({"bert.pooler.", {"dense"}, Precision::kF32});
  layers.push_back({"", {"classifier"}, Precision::kF32});
  return layers;
}

std::vector<std::string> norms_of(const ModelConfig& config) {
  std::vector<std::string> norms{"bert.embeddings.LayerNorm"};
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    norms.push_back(fmt::format("bert.encoder.layer.{}.attention.output.LayerNorm", i));
    norms.push_back(fmt::format("bert.encoder.layer.{}.output.LayerNorm", i));
  }
  return norms;
}

}  // namespace

Encoder::Encoder(const LayerReader& reader, Precision precision, ThreadPool& pool)
    : hidden_(reader.config().hidden_size),
      intermediate_(reader.config().intermediate_size),
      heads_(reader.config().num_attention_heads),
      depth_(reader.config().num_hidden_layers),
      eps_(static_cast<float>(reader.config().layer_norm_eps)),
      activation_(activation_of(reader.config().hidden_act)),
      ops_(&ops_for(reader.target())),
      attention_(precision == Precision::kF32 || ops_->attention_bf16 == nullptr ? ops_->attention
                                                                                 : ops_->attention_bf16),
      embedding_(reader) {
  const std::vector<LayerParts> parts = layers_of(reader.config(), precision);
  layers_.resize(parts.size());
  pool.parallel_for(static_cast<int64_t>(parts.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) layers_[i] = reader.linear(parts[i]);
  });
  for (const std::string& name : norms_of(reader.config())) {
    norms_.push_back({reader.tensor(name + ".weight"), reader.tensor(name + ".bias")});
  }
}

void Encoder::run(const Batch& batch, std::span<float> logits, Workspace& workspace, ThreadPool& pool,
                  std::span<double> seconds) const {
  std::ranges::fill(seconds, 0.0);
  for (int64_t first = 0, last = 0; first < batch.size(); first = last) {
    do {
      ++last;
    } while (last < batch.size() && batch.begin[last + 1] - batch.begin[first] <= kPassTokens);
    Pass(*this, batch, first, last, workspace, pool, seconds).run(logits.data() + first * outputs());
  }
}

size_t Encoder::weight_bytes() const {
  size_t bytes = embedding_.bytes();
  for (const Layer& layer : layers_) bytes += layer.linear->weight_bytes() + layer.bias.size() * sizeof(float);
  for (const Norm& norm : norms_) bytes += 2 * norm.weight.size() * sizeof(float);
  return bytes;
}

}  // namespace nxm
