// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/session.h"

#include <limits>
#include <numeric>
#include <thread>

#include "infer/support.h"
#include "nxm/core/error.h"

namespace nxm {
namespace {

using testing::largest_difference;
using testing::ModelFolder;
using testing::random_dataset;
using testing::small_config;

Batch whole(const Dataset& data) {
  std::vector<int64_t> all(static_cast<size_t>(data.size()));
  std::iota(all.begin(), all.end(), 0);
  return make_batch(data, all);
}

class Patterns : public ::testing::TestWithParam<const char*> {};
TEST_P(Patterns, DenseStoredWeightsRunInTheirPattern) {
  const Pattern pattern = Pattern::parse(GetParam());
  const ModelFolder folder(small_config(), pattern);
  const Session sparse = Session::load(folder.path());
  const Session dense = Session::load(folder.path(), {.dense = true});
  const Dataset data = random_dataset(sparse.config(), 20, 30);
  EXPECT_LT(largest_difference(sparse.logits(data, 7), dense.logits(data, 7)), 2e-5F);
  for (const LayerInfo& layer : sparse.layers()) {
    const bool head = layer.name == "classifier" || layer.name == "bert.pooler.dense";
    EXPECT_EQ(layer.pattern, head ? "dense" : pattern.str()) << layer.name;
    EXPECT_FALSE(layer.kernel.empty() || layer.why.empty()) << layer.name;
  }
  for (const LayerInfo& layer : dense.layers()) EXPECT_EQ(layer.pattern, "dense") << layer.name;
}
INSTANTIATE_TEST_SUITE_P(Found, Patterns, ::testing::Values("1:4", "2:4", "2:4x2", "4:8", "4:8x2", "8:16"));

TEST(Session, LayersRunInOrder) {
  ModelConfig config = small_config();
  config.num_hidden_layers = 2;
  std::vector<std::string> names;
  for (const LayerInfo& layer : Session::load(ModelFolder(config).path()).layers()) names.push_back(layer.name);
  const std::string first = "bert.encoder.layer.0.", last = "bert.encoder.layer.1.";
  EXPECT_EQ(names, (std::vector<std::string>{first + "attention.self.query+key+value", first + "attention.output.dense",
                                             first + "intermediate.dense", first + "output.dense",
                                             last + "attention.self.key+value", last + "attention.self.query",
                                             last + "attention.output.dense", last + "intermediate.dense",
                                             last + "output.dense", "bert.pooler.dense", "classifier"}));
}

TEST(Session, LogitsDoNotDependOnTheBatch) {
  for (const auto& pattern : {std::optional<Pattern>(), std::optional(Pattern{2, 4})}) {
    const ModelFolder folder(small_config(), pattern);
    const Session session = Session::load(folder.path());
    const Dataset data = random_dataset(session.config(), 33, 40);
    const std::vector<float> one = session.logits(data, 1);
    for (const int64_t batch : {2, 8, 33}) EXPECT_LT(largest_difference(one, session.logits(data, batch)), 1e-5F);
  }
}

TEST(Session, LogitsDoNotDependOnThreads) {
  const ModelFolder folder(small_config(), Pattern{2, 4});
  const Dataset data = random_dataset(small_config(), 20, 40);
  const std::vector<float> one = Session::load(folder.path(), {.threads = 1}).logits(data, 8);
  for (const int threads : {2, 3}) {
    const Session session = Session::load(folder.path(), {.threads = threads});
    EXPECT_EQ(session.threads(), threads);
    EXPECT_LT(largest_difference(one, session.logits(data, 8)), 1e-6F);
  }
}

TEST(Session, ConcurrentCallsAndSessionsAnswerTheSame) {
  const ModelFolder folder(small_config(), Pattern{2, 4});
  const Session first = Session::load(folder.path(), {.threads = 2}), second = Session::load(folder.path());
  const Dataset data = random_dataset(small_config(), 12, 20);
  const std::vector<float> expected = first.logits(data, 4);
  std::vector<float> worst(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < worst.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 5; ++round) {
        const Session& session = i % 2 == 0 ? first : second;
        worst[i] = std::max(worst[i], largest_difference(expected, session.logits(data, 3 + static_cast<int>(i))));
        EXPECT_EQ(session.predict("w7 w8").logits.size(), 3U);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const float difference : worst) EXPECT_LT(difference, 1e-5F);
}

TEST(Session, EveryTextHasAnAnswer) {
  const ModelFolder folder;
  const Session session = Session::load(folder.path());
  std::string many, nul("w5 \0 w6", 7);
  for (int i = 0; i < 100'000; ++i) many += "w9 ";
  const std::vector<Text> texts{{"", {}}, {many, {}}, {many, many}, {"\xff\xfe w5 \xc3", {}}, {nul, {}}, {"w5", "w6"}};
  const std::vector<Prediction> answers = session.predict(texts, 4);
  ASSERT_EQ(answers.size(), texts.size());
  for (const Prediction& answer : answers) {
    const auto best = std::ranges::max_element(answer.logits) - answer.logits.begin();
    EXPECT_EQ(answer.label, session.config().labels[static_cast<size_t>(best)]);
    EXPECT_GT(answer.score, 1.0 / 3);
  }
  EXPECT_LT(largest_difference(answers[5].logits, session.predict({&texts[5], 1})[0].logits), 1e-5F);
  EXPECT_TRUE(session.predict(std::span<const Text>()).empty());
}

TEST(Session, RegressionAndNamelessLabels) {
  ModelConfig config = small_config();
  config.labels = {"score"};
  const Prediction value = Session::load(ModelFolder(config).path()).predict("w5");
  EXPECT_EQ(value.label, "");
  EXPECT_EQ(value.score, static_cast<double>(value.logits.at(0)));
}

TEST(Session, WhatCannotAnswer) {
  ModelConfig config = small_config();
  config.type_vocab_size = 1;
  const ModelFolder one_type(config);
  const Session session = Session::load(one_type.path());
  EXPECT_NO_THROW(static_cast<void>(session.predict("w5")));
  const Text pair{"w5", "w6"};
  testing::expect_error([&] { static_cast<void>(session.predict({&pair, 1})); }, {"type_vocab_size", "pairs"});

  const ModelFolder large(small_config(), std::nullopt, [](auto& model) {
    model.values("classifier.weight").assign(3 * 64, std::numeric_limits<float>::max());
  });
  testing::expect_error([&] { static_cast<void>(Session::load(large.path()).predict("w5")); },
                        {"the model answers", "damaged"});

  const ModelFolder other;  // its weights, this one's config.json
  std::filesystem::copy_file(other.path() / "model.safetensors", one_type.path() / "model.safetensors",
                             std::filesystem::copy_options::overwrite_existing);
  testing::expect_error([&] { Session::load(one_type.path()); }, {"token_type_embeddings", "[1, 64]", "[2, 64]"});
  std::filesystem::remove(other.path() / "vocab.txt");
  testing::expect_error([&] { Session::load(other.path()); }, {"tokenizer.json"});
}

TEST(Session, DamagedWeightsAreNamedInEveryPrecision) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  const std::string layer = "bert.encoder.layer.0.";
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
    for (const std::string& name :
         {std::string("bert.embeddings.position_embeddings.weight"), layer + "attention.self.key.bias",
          layer + "intermediate.dense.weight", layer + "output.LayerNorm.weight", std::string("classifier.bias")}) {
      const ModelFolder damaged(small_config(), std::nullopt,
                                [&](auto& model) { model.values(name)[0] = name.ends_with("bias") ? kNan : kInf; });
      testing::expect_error([&] { Session::load(damaged.path(), {.precision = precision}); }, {name, "damaged"});
    }
    const ModelFolder words(small_config(), std::nullopt, [&](auto& model) {
      model.values("bert.embeddings.word_embeddings.weight")[7 * 64 + 63] = kNan;
    });
    const Session session = Session::load(words.path(), {.precision = precision});
    EXPECT_NO_THROW(static_cast<void>(session.predict("w5 w6 w8"))) << "nobody asks for that row";
    testing::expect_error([&] { static_cast<void>(session.predict("w5 w6 w7 w8")); },
                          {"word_embeddings", "row 7", "damaged"});
  }
}

TEST(Session, AWordTableOfIntegersIsNamed) {
  const ModelFolder folder(
      small_config(), std::nullopt,
      [](auto& model) {
        std::ranges::find(model.tensors, "bert.embeddings.word_embeddings.weight", &TensorToWrite::name)->dtype =
            DType::kI32;
      },
      true);
  testing::expect_error([&] { Session::load(folder.path()); }, {"word_embeddings", "floating point", "I32"});
}

TEST(Session, TheClaimedPatternIsRunOrSaid) {
  const auto layer_of = [](const char* text, Precision precision, bool claimed) {
    ModelConfig config = small_config();
    if (claimed) config.extra["nxm"] = {{"pattern", text}};
    const ModelFolder folder(config, Pattern::parse(text));
    return Session::load(folder.path(), {.precision = precision}).layers()[0];
  };
  EXPECT_EQ(layer_of("2:8", Precision::kInt8, true).pattern, "2:8");
  EXPECT_EQ(layer_of("2:8", Precision::kInt8, false).pattern, "2:8");
  const LayerInfo odd = layer_of("1:64", Precision::kF32, true);  // no kernel of its own, and also 1:4
  EXPECT_EQ(odd.pattern, "1:64");
  EXPECT_NE(layer_of("3:32x4", Precision::kF32, true).why, "not sparse");
  EXPECT_EQ(layer_of("3:32x4", Precision::kF32, true).pattern, "3:32x4");
}

TEST(Session, LongTextsAreCutAsAsked) {
  const ModelFolder folder;
  std::string many;
  for (int i = 0; i < 60; ++i) many += fmt::format("w{} ", 5 + i % 40);
  const auto logits = [&](int64_t max_length, std::string_view text) {
    return Session::load(folder.path(), {.max_length = max_length}).predict(text).logits;
  };
  EXPECT_EQ(logits(0, many), logits(40, many)) << "the positions are fewer than 128";
  EXPECT_EQ(logits(6, many), logits(40, "w5 w6 w7 w8"));
  EXPECT_NE(logits(6, many), logits(40, many));
  for (const int64_t bad : {-1, 3, 41}) {
    EXPECT_THROW(static_cast<void>(Session::load(folder.path(), {.max_length = bad})), UsageError) << bad;
  }
  for (const int bad : {-5, 5000}) {
    EXPECT_THROW(static_cast<void>(Session::load(folder.path(), {.threads = bad})), UsageError) << bad;
  }
}

TEST(Session, FilesOfDifferentModels) {
  const ModelFolder words;
  std::ofstream(words.path() / "vocab.txt", std::ios::app) << "w50\n";
  testing::expect_error([&] { Session::load(words.path()); },
                        {"vocab.txt", "has 51 ids", "vocab_size 50", "same model"});
  for (const int64_t layers : {2, 4}) {  // of three
    const ModelFolder folder;
    ModelConfig config = ModelDir(folder.path()).config();
    config.num_hidden_layers = layers;
    std::ofstream(folder.path() / "config.json") << config.to_json();
    testing::expect_error([&] { Session::load(folder.path()); },
                          {fmt::format("bert.encoder.layer.{}.", std::min<int64_t>(layers, 3)), "same model"});
  }
}

TEST(Session, BatchesAreChecked) {
  const ModelFolder folder;
  const Session session = Session::load(folder.path());
  const Batch good = whole(random_dataset(session.config(), 3, 10));
  EXPECT_EQ(session.logits(good).size(), 9U);
  std::vector<double> seconds(session.layers().size(), -1);
  EXPECT_EQ(session.logits(good, seconds), session.logits(good));
  EXPECT_GE(*std::ranges::min_element(seconds), 0);
  const auto rejects = [&](auto change) {
    Batch batch = good;
    change(batch);
    EXPECT_THROW(static_cast<void>(session.logits(batch)), ContractError);
  };
  rejects([](Batch& batch) { batch.ids[0] = 50; });
  rejects([](Batch& batch) { batch.ids[0] = -1; });
  rejects([](Batch& batch) { batch.positions[1] = 40; });
  rejects([](Batch& batch) { batch.positions.pop_back(); });
  rejects([](Batch& batch) { batch.begin[1] = 0; });
  rejects([](Batch& batch) { batch.begin.back() += 1; });
  EXPECT_TRUE(session.logits(Batch{}).empty());
}

}  // namespace
}  // namespace nxm
