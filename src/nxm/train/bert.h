// SPDX-License-Identifier: Apache-2.0
#pragma once
// The BERT encoder with a classification head, on concatenated sequences without padding. Forward only: autograd does
// the rest, optimizer.h the updates.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/data/dataset.h"
#include "nxm/io/model_config.h"
#include "nxm/train/torch.h"

namespace nxm {

/// A trainable tensor under Hugging Face's name (BertForSequenceClassification's).
struct Parameter {
  std::string name;
  at::Tensor tensor;             ///< f32 leaf on the model's device
  bool decay = false;            ///< weight decay applies: all but biases and LayerNorm
  bool sparse_gradient = false;  ///< its gradient is a sparse tensor of rows (the word embedding)
};

struct BertLinear {
  at::Tensor weight, bias;
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};
struct BertNorm {
  at::Tensor weight, bias;
  double eps;
  [[nodiscard]] at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x, weight.sizes(), weight, bias, eps);
  }
};
struct BertLayer {
  BertLinear query, key, value, attention_output;
  BertNorm attention_norm;
  BertLinear intermediate, output;
  BertNorm output_norm;
};

/// A batch on the device.
struct BertInput {
  at::Tensor ids, type_ids, positions;  ///< (R) int64
  at::Tensor first;                     ///< (B) int64: row of each sequence's [CLS]
  at::Tensor labels;                    ///< (B) f32
  struct Run {
    int64_t length;
    int64_t count;
  };
  std::vector<Run> runs;  ///< neighbouring sequences of equal length, in order
};
BertInput to_device(const Batch& batch, at::Device device);

/// What a forward pass went through, layer by layer, for distillation.
struct BertTrace {
  std::vector<at::Tensor> hidden;  ///< (R, H) each
  std::vector<at::Tensor> scores;  ///< Q K^T / sqrt(d) of all runs, end to end
};

/// Called with the weight of each encoder linear and the rows it is about to multiply.
using LinearInputs = std::function<void(const at::Tensor& weight, const at::Tensor& rows)>;

class Bert {
 public:
  /// All tensors zero (LayerNorm weights one); fill them by train/weights.h. `config.labels` sets the head's outputs.
  Bert(const ModelConfig& config, at::Device device);

  /// Logits (B, outputs), f32. y = W_c dropout(tanh(W_p h_[CLS])) as in BertForSequenceClassification; dropout only if
  /// `training`. Cost: nothing is computed on padding, and the last layer computes only the rows its heads read
  /// ([CLS]). With a `trace` it computes all rows, and leaves every layer's output and attention scores there.
  /// On the CPU the layers go through encoder.h, operator by operator only with a `trace` or `inputs`, or if
  /// `by_operator`.
  [[nodiscard]] at::Tensor forward(const BertInput& input, bool training, BertTrace* trace = nullptr,
                                   const LinearInputs& inputs = {}, bool by_operator = false) const;

  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] std::vector<Parameter>& parameters() { return parameters_; }
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  /// ContractError if there is none.
  [[nodiscard]] const Parameter& parameter(std::string_view name) const;

 private:
  BertLinear add_linear(const std::string& name, int64_t out, int64_t in);
  BertNorm add_norm(const std::string& name);
  at::Tensor add(const std::string& name, at::IntArrayRef shape, double fill, bool decay);
  [[nodiscard]] at::Tensor attend(const BertLayer& layer, const at::Tensor& queries, const at::Tensor& rows,
                                  const BertInput& input, bool first_only, double dropout, BertTrace* trace,
                                  const LinearInputs& inputs) const;

  ModelConfig config_;
  at::Device device_;
  std::vector<Parameter> parameters_;
  at::Tensor words_, positions_, types_;
  BertNorm embedding_norm_;
  std::vector<BertLayer> layers_;
  BertLinear pooler_, classifier_;
};

}  // namespace nxm
