// SPDX-License-Identifier: Apache-2.0
#pragma once
// config.json of a BERT-family encoder, as Hugging Face writes it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/io/json_fields.h"

namespace nxm {

struct ModelConfig {
  std::string model_type = "bert";  ///< only "bert" is known
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;
  int64_t pad_token_id = 0;         ///< -1: none (null in the file)
  std::string hidden_act = "gelu";  ///< gelu (erf), gelu_new / gelu_pytorch_tanh, relu
  double hidden_dropout_prob = 0.1;
  double attention_probs_dropout_prob = 0.1;
  double classifier_dropout = -1;  ///< < 0: hidden_dropout_prob
  double layer_norm_eps = 1e-12;
  double initializer_range = 0.02;
  std::vector<std::string> labels;  ///< id2label in order of id; one entry for regression. Empty: none in the file.
  std::string problem_type;         ///< "", "regression", "single_label_classification"
  std::string finetuning_task;      ///< the task's name, or ""

  Json extra = Json::object();  ///< the file as read: keys this struct does not know are written back unchanged

  /// The sizes from vocab_size to intermediate_size must be in the file, the rest default as in transformers.
  /// Throws Error at the JSON path for wrong types, ranges, heads that do not divide hidden_size, unknown model_type,
  /// hidden_act, problem_type or dtype, a decoder, relative positions, id2label that is not 0…n-1 or that label2id
  /// contradicts.
  static ModelConfig parse(std::string_view text, std::string_view where);
  /// HF's keys, with id2label, label2id, problem_type, finetuning_task, dtype "float32" and, if there are labels,
  /// architectures ["BertForSequenceClassification"]; loads in transformers without a warning. `extra` fills in the
  /// rest. parse() of it gives the same config.
  [[nodiscard]] std::string to_json() const;
};

}  // namespace nxm
