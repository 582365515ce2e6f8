// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/bert.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "nxm/core/error.h"
#include "nxm/train/encoder.h"

namespace nxm {
namespace {

at::Tensor activation(const std::string& name, const at::Tensor& x) {
  if (name == "relu") return at::relu(x);
  return at::gelu(x, name == "gelu" ? "none" : "tanh");
}

at::Tensor tensor_of(const std::vector<int64_t>& values, at::Device device) {
  return at::tensor(values, at::kLong).to(device);
}

}  // namespace

BertInput to_device(const Batch& batch, at::Device device) {
  BertInput input;
  input.ids = tensor_of(batch.ids, device);
  input.type_ids = tensor_of(batch.type_ids, device);
  input.positions = tensor_of(batch.positions, device);
  input.first = tensor_of({batch.begin.begin(), batch.begin.end() - 1}, device);
  input.labels = at::tensor(batch.labels, at::kFloat).to(device);
  for (int64_t i = 0; i < batch.size(); ++i) {
    const int64_t length = batch.begin[i + 1] - batch.begin[i];
    if (input.runs.empty() || input.runs.back().length != length) input.runs.push_back({length, 0});
    ++input.runs.back().count;
  }
  return input;
}

Bert::Bert(const ModelConfig& config, at::Device device) : config_(config), device_(device) {
  const int64_t hidden = config.hidden_size;
  words_ = add("bert.embeddings.word_embeddings.weight", {config.vocab_size, hidden}, 0, true);
  parameters_.back().sparse_gradient = device.is_cpu();  // where the optimiser knows what to do with one
  positions_ = add("bert.embeddings.position_embeddings.weight", {config.max_position_embeddings, hidden}, 0, true);
  types_ = add("bert.embeddings.token_type_embeddings.weight", {config.type_vocab_size, hidden}, 0, true);
  embedding_norm_ = add_norm("bert.embeddings.LayerNorm");
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string at = fmt::format("bert.encoder.layer.{}.", i);
    BertLayer layer;
    layer.query = add_linear(at + "attention.self.query", hidden, hidden);
    layer.key = add_linear(at + "attention.self.key", hidden, hidden);
    layer.value = add_linear(at + "attention.self.value", hidden, hidden);
    layer.attention_output = add_linear(at + "attention.output.dense", hidden, hidden);
    layer.attention_norm = add_norm(at + "attention.output.LayerNorm");
    layer.intermediate = add_linear(at + "intermediate.dense", config.intermediate_size, hidden);
    layer.output = add_linear(at + "output.dense", hidden, config.intermediate_size);
    layer.output_norm = add_norm(at + "output.LayerNorm");
    layers_.push_back(std::move(layer));
  }
  pooler_ = add_linear("bert.pooler.dense", hidden, hidden);
  classifier_ = add_linear("classifier", std::max<int64_t>(1, static_cast<int64_t>(config.labels.size())), hidden);
}

at::Tensor Bert::add(const std::string& name, at::IntArrayRef shape, double fill, bool decay) {
  at::Tensor tensor = at::full(shape, fill, at::TensorOptions(at::kFloat).device(device_));
  tensor.requires_grad_(true);
  parameters_.push_back({name, tensor, decay, false});
  return tensor;
}

BertLinear Bert::add_linear(const std::string& name, int64_t out, int64_t in) {
  at::Tensor weight = add(name + ".weight", {out, in}, 0, true);
  return {std::move(weight), add(name + ".bias", {out}, 0, false)};
}

BertNorm Bert::add_norm(const std::string& name) {
  at::Tensor weight = add(name + ".weight", {config_.hidden_size}, 1, false);
  return {std::move(weight), add(name + ".bias", {config_.hidden_size}, 0, false), config_.layer_norm_eps};
}

const Parameter& Bert::parameter(std::string_view name) const {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  require(found != parameters_.end(), fmt::format("no parameter '{}'", name));
  return *found;
}

// softmax(Q K^T / sqrt(d)) V within each sequence, a run of equal lengths at a time. `queries` are the rows that ask:
// all of them, or each sequence's first.
at::Tensor Bert::attend(const BertLayer& layer, const at::Tensor& queries, const at::Tensor& rows,
                        const BertInput& input, bool first_only, double dropout, BertTrace* trace,
                        const LinearInputs& inputs) const {
  const int64_t heads = config_.num_attention_heads;
  const int64_t width = config_.hidden_size / heads;
  std::vector<int64_t> key_rows, query_rows;
  for (const auto& run : input.runs) {
    key_rows.push_back(run.count * run.length);
    query_rows.push_back(first_only ? run.count : run.count * run.length);
  }
  if (inputs) {
    inputs(layer.query.weight, queries);
    inputs(layer.key.weight, rows);
    inputs(layer.value.weight, rows);
  }
  const auto q = layer.query(queries).split_with_sizes(query_rows);
  const auto k = layer.key(rows).split_with_sizes(key_rows);
  const auto v = layer.value(rows).split_with_sizes(key_rows);
  std::vector<at::Tensor> contexts, scores;
  for (size_t i = 0; i < input.runs.size(); ++i) {
    const auto split = [&](const at::Tensor& x) {
      return x.view({input.runs[i].count, -1, heads, width}).transpose(1, 2);
    };
    if (trace != nullptr) {
      const at::Tensor product = at::matmul(split(q[i]), split(k[i]).transpose(2, 3));
      scores.push_back((product / std::sqrt(static_cast<double>(width))).reshape({-1}));
    }
    const at::Tensor context = at::scaled_dot_product_attention(split(q[i]), split(k[i]), split(v[i]), {}, dropout);
    contexts.push_back(context.transpose(1, 2).reshape({query_rows[i], config_.hidden_size}));
  }
  if (trace != nullptr) trace->scores.push_back(at::cat(scores));
  return contexts.size() == 1 ? contexts[0] : at::cat(contexts);
}

at::Tensor Bert::forward(const BertInput& input, bool training, BertTrace* trace, const LinearInputs& inputs,
                         bool by_operator) const {
  const auto drop = [&](const at::Tensor& x, double p) { return training && p > 0 ? at::dropout(x, p, true) : x; };
  const double hidden_drop = config_.hidden_dropout_prob;
  const double attention_drop = training ? config_.attention_probs_dropout_prob : 0;
  const double head_drop = config_.classifier_dropout < 0 ? hidden_drop : config_.classifier_dropout;

  at::Tensor x = at::embedding(words_, input.ids, config_.pad_token_id, false, /*sparse=*/words_.is_cpu()) +
                 at::embedding(types_, input.type_ids) + at::embedding(positions_, input.positions);
  x = drop(embedding_norm_(x), hidden_drop);
  const bool fused = x.is_cpu() && config_.hidden_act == "gelu" && std::max(hidden_drop, attention_drop) < 1 &&
                     trace == nullptr && !inputs && !by_operator;
  if (fused) {
    EncoderOptions options{.heads = config_.num_attention_heads,
                           .hidden_dropout = training ? hidden_drop : 0,
                           .attention_dropout = attention_drop,
                           .bf16 = at::autocast::is_autocast_enabled(at::kCPU)};
    if (training) options.seed = at::randint(std::numeric_limits<int64_t>::max(), {1}, at::kLong).item<int64_t>();
    x = encode(x, layers_, input, options);
  }
  for (size_t i = 0; i < layers_.size() && !fused; ++i) {
    const BertLayer& layer = layers_[i];
    const bool last = i + 1 == layers_.size() && trace == nullptr;  // only [CLS] is read of the last layer
    const at::Tensor rows = x;
    if (last) x = x.index_select(0, input.first);
    const at::Tensor context = attend(layer, x, rows, input, last, attention_drop, trace, inputs);
    if (inputs) inputs(layer.attention_output.weight, context);
    x = layer.attention_norm(drop(layer.attention_output(context), hidden_drop) + x);
    if (inputs) inputs(layer.intermediate.weight, x);
    const at::Tensor inner = activation(config_.hidden_act, layer.intermediate(x));
    if (inputs) inputs(layer.output.weight, inner);
    x = layer.output_norm(drop(layer.output(inner), hidden_drop) + x);
    if (trace != nullptr) trace->hidden.push_back(x);
  }
  if (trace != nullptr) x = x.index_select(0, input.first);
  return classifier_(drop(at::tanh(pooler_(x)), head_drop)).to(at::kFloat);
}

}  // namespace nxm
