// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"

namespace nxm {
namespace {

struct IntegerKey {
  std::string_view key;
  int64_t ModelConfig::*field;
  int64_t max;
  bool needed;
};
// The largest values are far above any model's, and keep products of two sizes within 64 bits.
constexpr IntegerKey kIntegers[] = {
    {"vocab_size", &ModelConfig::vocab_size, 1 << 24, true},
    {"hidden_size", &ModelConfig::hidden_size, 1 << 16, true},
    {"num_hidden_layers", &ModelConfig::num_hidden_layers, 1 << 10, true},
    {"num_attention_heads", &ModelConfig::num_attention_heads, 1 << 16, true},
    {"intermediate_size", &ModelConfig::intermediate_size, 1 << 20, true},
    {"max_position_embeddings", &ModelConfig::max_position_embeddings, 1 << 20, false},
    {"type_vocab_size", &ModelConfig::type_vocab_size, 1 << 10, false},
};

struct NumberKey {
  std::string_view key;
  double ModelConfig::*field;
  double max;
};
constexpr NumberKey kNumbers[] = {
    {"hidden_dropout_prob", &ModelConfig::hidden_dropout_prob, 1},
    {"attention_probs_dropout_prob", &ModelConfig::attention_probs_dropout_prob, 1},
    {"layer_norm_eps", &ModelConfig::layer_norm_eps, 1},
    {"initializer_range", &ModelConfig::initializer_range, 10},
};

constexpr std::string_view kModelTypes[] = {"bert"};
constexpr std::string_view kActivations[] = {"gelu", "gelu_new", "gelu_pytorch_tanh", "relu"};
constexpr std::string_view kProblemTypes[] = {"regression", "single_label_classification"};
constexpr std::string_view kDtypes[] = {"float32", "float16", "bfloat16", "float64"};
constexpr std::string_view kPositions[] = {"absolute"};
constexpr std::string_view kArchitecture = "BertForSequenceClassification";

/// The string at `key`, which must be one of `known`; `fallback` if there is none.
std::string one_of(const JsonFields& fields, std::string_view key, std::span<const std::string_view> known,
                   std::string_view fallback) {
  if (!fields.has(key)) return std::string(fallback);
  std::string value = fields.string(key);
  if (std::find(known.begin(), known.end(), value) == known.end()) {
    fields.reject(key, fmt::format("unknown value {}{}. nxm knows {}", shown(value), did_you_mean(value, known),
                                   quoted_list(known)));
  }
  return value;
}

bool is_classifier(const JsonFields& fields) {
  if (!fields.has("architectures")) return false;
  const Json& names = fields.array("architectures");
  return std::find(names.begin(), names.end(), Json(kArchitecture)) != names.end();
}

std::vector<std::string> default_labels(int64_t count) {
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  return labels;
}

std::vector<std::string> read_labels(const JsonFields& fields) {
  constexpr int64_t kMaxLabels = 1 << 16;
  const bool counted = fields.has("num_labels");
  const int64_t count = fields.integer("num_labels", 1, kMaxLabels, 2);
  // transformers leaves out id2label when a classifier has its two default labels.
  if (!fields.has("id2label")) return counted || is_classifier(fields) ? default_labels(count) : default_labels(0);
  const JsonFields id2label = fields.object("id2label");
  const auto size = static_cast<int64_t>(id2label.raw().size());
  if (size < 1 || size > kMaxLabels)
    fields.reject("id2label", fmt::format("expected 1 to {} labels, got {}. Correct the file", kMaxLabels, size));
  if (counted && count != size) {
    fields.reject("num_labels", fmt::format("expected {}, the size of id2label, got {}. Make them agree", size, count));
  }
  std::vector<std::string> labels;
  for (int64_t i = 0; i < size; ++i) labels.push_back(id2label.string(fmt::to_string(i)));  // n keys, all of 0…n-1
  std::vector<std::string_view> sorted(labels.begin(), labels.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    fields.reject("id2label", fmt::format("the label {} stands twice. Give each its own name", shown(*twice)));
  return labels;
}

// A label2id of other names is a leftover and does no harm; one of these names with other ids would swap the answers.
void check_label2id(const JsonFields& fields, const std::vector<std::string>& labels) {
  if (!fields.has("label2id")) return;
  const JsonFields label2id = fields.object("label2id");
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto found = label2id.raw().find(labels[i]);
    if (found != label2id.raw().end() && *found != Json(i)) {
      fields.reject("label2id", fmt::format("the label {} has the id {}, but {} in id2label. Make them agree",
                                            shown(labels[i]), shown(*found), i));
    }
  }
}

void check_encoder(const JsonFields& fields) {
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (fields.boolean(key, false)) fields.reject(key, "expected false, got true. nxm runs encoders only");
  }
  one_of(fields, "position_embedding_type", kPositions, "");
  one_of(fields, "dtype", kDtypes, "");
  one_of(fields, "torch_dtype", kDtypes, "");  // dtype's name until transformers 5
}

void put_text(Json& json, const char* key, const std::string& value) {
  if (value.empty()) {
    json.erase(key);
  } else {
    json[key] = value;
  }
}

}  // namespace

ModelConfig ModelConfig::parse(std::string_view text, std::string_view where) {
  ModelConfig config;
  config.extra = parse_json(text, where);
  const JsonFields fields(config.extra, std::string(where));
  config.model_type = one_of(fields, "model_type", kModelTypes, config.model_type);
  config.hidden_act = one_of(fields, "hidden_act", kActivations, config.hidden_act);
  config.problem_type = one_of(fields, "problem_type", kProblemTypes, "");
  config.finetuning_task = fields.string("finetuning_task", "");
  check_encoder(fields);
  // A key that is there with null is wrong, not absent: hence contains, not has.
  for (const auto& [key, field, max, needed] : kIntegers) {
    if (needed || config.extra.contains(key)) config.*field = fields.integer(key, 1, max);
  }
  for (const auto& [key, field, max] : kNumbers) {
    if (config.extra.contains(key)) config.*field = fields.number(key, 0, max);
  }
  config.classifier_dropout = fields.number("classifier_dropout", 0, 1, -1);
  const bool no_padding = config.extra.contains("pad_token_id") && !fields.has("pad_token_id");
  config.pad_token_id = no_padding ? -1 : fields.integer("pad_token_id", 0, config.vocab_size - 1, 0);
  if (config.hidden_size % config.num_attention_heads != 0) {
    fields.reject("num_attention_heads", fmt::format("expected a divisor of hidden_size {}, got {}. Correct the file",
                                                     config.hidden_size, config.num_attention_heads));
  }
  config.labels = read_labels(fields);
  check_label2id(fields, config.labels);
  if (config.problem_type == "single_label_classification" && config.labels.size() == 1) {
    fields.reject("problem_type",
                  "expected two labels at least for \"single_label_classification\", got 1. Is it \"regression\"?");
  }
  return config;
}

std::string ModelConfig::to_json() const {
  Json json = extra;
  for (const char* old : {"torch_dtype", "num_labels", "id2label", "label2id"}) json.erase(old);
  for (const auto& [key, field, max, needed] : kIntegers) json[std::string(key)] = this->*field;
  for (const auto& [key, field, max] : kNumbers) json[std::string(key)] = this->*field;
  json["model_type"] = model_type;
  json["hidden_act"] = hidden_act;
  json["pad_token_id"] = pad_token_id < 0 ? Json() : Json(pad_token_id);
  json["classifier_dropout"] = classifier_dropout < 0 ? Json() : Json(classifier_dropout);
  if (!labels.empty()) json["architectures"] = Json::array({kArchitecture});  // without labels it stays an encoder
  json["dtype"] = "float32";
  for (size_t i = 0; i < labels.size(); ++i) {
    json["id2label"][fmt::to_string(i)] = labels[i];
    json["label2id"][labels[i]] = i;
  }
  put_text(json, "problem_type", problem_type);
  put_text(json, "finetuning_task", finetuning_task);
  return json.dump(2) + "\n";
}

}  // namespace nxm
