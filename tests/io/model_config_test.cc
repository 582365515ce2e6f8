// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_config.h"

#include "io/support.h"

namespace nxm {
namespace {

using testing::expect_error;

const Json kGood = {{"model_type", "bert"},   {"vocab_size", 100},        {"hidden_size", 8},
                    {"num_hidden_layers", 2}, {"num_attention_heads", 2}, {"intermediate_size", 16}};

ModelConfig parse(const Json& json) { return ModelConfig::parse(json.dump(), "d/config.json"); }

Json with(std::string_view key, const Json& value) {
  Json json = kGood;
  json[std::string(key)] = value;
  return json;
}

void expect_rejected(std::string_view key, const Json& value, std::initializer_list<std::string_view> parts) {
  SCOPED_TRACE(fmt::format("{} = {}", key, value.dump()));
  expect_error([&] { parse(with(key, value)); }, {"[d/config.json] $." + std::string(key)});
  expect_error([&] { parse(with(key, value)); }, parts);
}

TEST(ModelConfig, DefaultsAreThoseOfTransformers) {
  const ModelConfig config = parse(kGood), standard;
  EXPECT_EQ(config.hidden_size, 8);
  EXPECT_EQ(config.max_position_embeddings, standard.max_position_embeddings);
  EXPECT_EQ(config.type_vocab_size, 2);
  EXPECT_EQ(config.pad_token_id, 0);
  EXPECT_EQ(config.hidden_act, "gelu");
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
  EXPECT_LT(config.classifier_dropout, 0);
  EXPECT_TRUE(config.labels.empty());
  Json without_type = kGood;
  without_type.erase("model_type");  // as in the oldest files
  EXPECT_EQ(parse(without_type).model_type, "bert");
}

TEST(ModelConfig, SizesMustBePositiveIntegers) {
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                          "max_position_embeddings", "type_vocab_size"}) {
    for (const Json& value : {Json(0), Json(-1), Json(768.5), Json("768"), Json(nullptr), Json(true), Json(UINT64_MAX),
                              Json(int64_t{1} << 40), Json::array({768})}) {
      expect_rejected(key, value, {"expected an integer", "got"});
    }
  }
  for (const char* key :
       {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"}) {
    Json json = kGood;
    json.erase(key);
    expect_error([&] { parse(json); }, {key, "got nothing"});
  }
  expect_rejected("num_attention_heads", 3, {"expected a divisor of hidden_size 8, got 3"});
}

TEST(ModelConfig, Numbers) {
  for (const char* key :
       {"hidden_dropout_prob", "attention_probs_dropout_prob", "layer_norm_eps", "initializer_range"}) {
    for (const Json& value : {Json(-0.1), Json(11), Json("0.1"), Json(nullptr)})
      expect_rejected(key, value, {"expected a number"});
  }
  EXPECT_EQ(parse(with("hidden_dropout_prob", 0)).hidden_dropout_prob, 0);
  EXPECT_EQ(parse(with("classifier_dropout", nullptr)).classifier_dropout, -1);
  EXPECT_EQ(parse(with("classifier_dropout", 0.25)).classifier_dropout, 0.25);
  expect_rejected("classifier_dropout", 1.5, {"expected a number from 0 to 1, got 1.5"});
  EXPECT_EQ(parse(with("pad_token_id", 99)).pad_token_id, 99);
  EXPECT_EQ(parse(with("pad_token_id", nullptr)).pad_token_id, -1);
  expect_rejected("pad_token_id", 100, {"from 0 to 99, got 100"});
  expect_rejected("pad_token_id", -1, {"from 0 to 99, got -1"});
}

TEST(ModelConfig, NamesOutsideTheTables) {
  expect_rejected("model_type", "roberta", {"unknown value \"roberta\"", "nxm knows 'bert'"});
  expect_rejected("hidden_act", "gelo", {"unknown value \"gelo\" (did you mean 'gelu'?)", "'gelu_new'"});
  expect_rejected("hidden_act", 3, {"expected a string, got 3"});
  expect_rejected("problem_type", "multi_label_classification", {"unknown value", "'single_label_classification'"});
  expect_rejected("position_embedding_type", "relative_key", {"unknown value"});
  for (const char* key : {"dtype", "torch_dtype"}) {
    expect_rejected(key, "int8", {"unknown value \"int8\"", "'bfloat16'"});
    for (const char* value : {"float32", "float16", "bfloat16", "float64"}) EXPECT_NO_THROW(parse(with(key, value)));
  }
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    expect_rejected(key, true, {"expected false, got true"});
    EXPECT_NO_THROW(parse(with(key, false)));
  }
  expect_error([] { ModelConfig::parse(R"({"hidden_size":8,"hidden_size":8})", "c"); },
               {"[c]", "'hidden_size' stands twice"});
  expect_error([] { ModelConfig::parse("[]", "c"); }, {"[c] $: expected an object"});
  expect_rejected("finetuning_task", 1, {"expected a string"});
}

TEST(ModelConfig, LabelsInOrderOfId) {
  const Json many = {{"0", "a"}, {"1", "b"}, {"2", "c"}, {"3", "d"}, {"4", "e"}, {"5", "f"},
                     {"6", "g"}, {"7", "h"}, {"8", "i"}, {"9", "j"}, {"10", "k"}};
  EXPECT_EQ(parse(with("id2label", many)).labels,
            (std::vector<std::string>{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"}));
  EXPECT_TRUE(parse(with("id2label", nullptr)).labels.empty());
  // transformers does not write the two default labels of a classifier.
  const std::vector<std::string> two = {"LABEL_0", "LABEL_1"};
  EXPECT_EQ(parse(with("architectures", {"BertForSequenceClassification"})).labels, two);
  EXPECT_TRUE(parse(with("architectures", {"BertModel"})).labels.empty());
  EXPECT_TRUE(parse(with("architectures", nullptr)).labels.empty());
  EXPECT_EQ(parse(with("num_labels", 2)).labels, two);
  EXPECT_EQ(parse(with("num_labels", 1)).labels, std::vector<std::string>{"LABEL_0"});
}

TEST(ModelConfig, BrokenLabels) {
  for (const Json& value : {Json("x"), Json(3), Json::array({"a", "b"})})
    expect_rejected("id2label", value, {"expected an object"});
  expect_rejected("id2label", Json::object(), {"expected 1 to 65536 labels, got 0"});
  expect_rejected("id2label", {{"0", "a"}, {"2", "b"}}, {"$.id2label.1: expected a string, got nothing"});
  expect_rejected("id2label", {{"1", "a"}, {"2", "b"}}, {"$.id2label.0"});
  expect_rejected("id2label", {{"0", "a"}, {"01", "b"}}, {"$.id2label.1"});
  expect_rejected("id2label", {{"0", "a"}, {"1", 5}}, {"$.id2label.1: expected a string, got 5"});
  expect_rejected("id2label", {{"0", "a"}, {"1", "a"}}, {"the label \"a\" stands twice"});
  Json json = with("id2label", {{"0", "a"}, {"1", "b"}});
  json["num_labels"] = 3;
  expect_error([&] { parse(json); }, {"$.num_labels: expected 2, the size of id2label, got 3"});
  expect_rejected("num_labels", 0, {"expected an integer from 1"});
  json = with("id2label", {{"0", "a"}, {"1", "b"}});
  json["label2id"] = {{"a", 1}, {"b", 0}};
  expect_error([&] { parse(json); }, {"$.label2id: the label \"a\" has the id 1, but 0 in id2label"});
  json["label2id"] = {{"LABEL_0", 0}, {"LABEL_1", 1}};  // a leftover
  EXPECT_NO_THROW(parse(json));
  json["label2id"] = 3;
  expect_error([&] { parse(json); }, {"$.label2id: expected an object"});
  json = with("id2label", {{"0", "a"}});
  json["problem_type"] = "single_label_classification";
  expect_error([&] { parse(json); }, {"$.problem_type: expected two labels at least"});
}

TEST(ModelConfig, WritesWhatItReadAndKeepsTheRest) {
  Json json = with("id2label", {{"0", "b"}, {"1", "a \"quoted\" é"}});
  json.update({{"problem_type", "single_label_classification"},
               {"finetuning_task", "sst2"},
               {"torch_dtype", "float16"},
               {"classifier_dropout", 0.5},
               {"layer_norm_eps", 1e-5},
               {"num_labels", 2},
               {"pad_token_id", nullptr},
               {"architectures", {"BertModel"}},
               {"my_key", {{"x", {1, 2.5, nullptr}}}}});
  const ModelConfig config = parse(json);
  const Json written = Json::parse(config.to_json());
  EXPECT_EQ(written["my_key"], json["my_key"]);
  EXPECT_EQ(written["architectures"], Json::array({"BertForSequenceClassification"}));
  EXPECT_EQ(written["dtype"], "float32");
  EXPECT_FALSE(written.contains("torch_dtype"));
  EXPECT_EQ(written["id2label"], json["id2label"]);
  EXPECT_EQ(written["label2id"], Json({{"b", 0}, {"a \"quoted\" é", 1}}));
  EXPECT_TRUE(written["pad_token_id"].is_null());
  const ModelConfig again = ModelConfig::parse(config.to_json(), "again");
  EXPECT_EQ(again.labels, config.labels);
  EXPECT_EQ(again.problem_type, config.problem_type);
  EXPECT_EQ(again.finetuning_task, config.finetuning_task);
  EXPECT_EQ(again.classifier_dropout, config.classifier_dropout);
  EXPECT_EQ(again.to_json(), config.to_json());
  EXPECT_TRUE(config.to_json().ends_with("}\n"));
}

TEST(ModelConfig, ATaskReplacesTheLastOnes) {
  ModelConfig config = parse(with("id2label", {{"0", "a"}, {"1", "b"}, {"2", "c"}}));
  config.labels = {"score"};
  config.problem_type = "regression";
  Json written = Json::parse(config.to_json());
  EXPECT_EQ(written["id2label"], Json({{"0", "score"}}));
  EXPECT_EQ(written["label2id"], Json({{"score", 0}}));
  config.problem_type.clear();
  config.labels.clear();
  written = Json::parse(config.to_json());
  for (const char* key : {"architectures", "id2label", "label2id", "problem_type", "finetuning_task"})
    EXPECT_FALSE(written.contains(key));
}

}  // namespace
}  // namespace nxm
