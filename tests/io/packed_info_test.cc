// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/packed_info.h"

#include "io/support.h"
#include "nxm/core/error.h"

namespace nxm {
namespace {

using testing::expect_error;

const char* const kQuery = "bert.encoder.layer.0.attention.self.query.weight";
const Json kGood = {{"version", 1}, {"pattern", "2:4x2"}, {"precision", "int8"}, {"layers", {kQuery}}};

ModelConfig config_with(const Json& nxm) {
  ModelConfig config;
  config.num_hidden_layers = 1;
  config.extra["nxm"] = nxm;
  return config;
}

std::optional<PackedInfo> parse(const Json& nxm) { return packed_info(config_with(nxm), "d/config.json"); }

void expect_rejected(std::string_view key, const Json& value, std::initializer_list<std::string_view> parts) {
  SCOPED_TRACE(fmt::format("{} = {}", key, value.dump()));
  Json nxm = kGood;
  nxm[std::string(key)] = value;
  expect_error([&] { parse(nxm); }, {"[d/config.json] $.nxm." + std::string(key)});
  expect_error([&] { parse(nxm); }, parts);
}

TEST(PackedInfo, IsReadAndWritten) {
  const std::optional<PackedInfo> info = parse(kGood);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->version, 1);
  EXPECT_EQ(info->pattern, (Pattern{2, 4, 2}));
  EXPECT_EQ(info->dtype, DType::kI8);
  EXPECT_EQ(info->layers, std::vector<std::string>{kQuery});
  EXPECT_EQ(info->to_json(), kGood);
}

TEST(PackedInfo, DenseModelsHaveNone) {
  EXPECT_FALSE(packed_info(ModelConfig{}, "config.json"));
  EXPECT_FALSE(parse({{"pattern", "2:4"}}));  // what finetune writes
  EXPECT_FALSE(parse(Json::object()));
}

TEST(PackedInfo, VersionsOfTheFutureSayWhatThisBuildReads) {
  expect_rejected("version", 2, {"this build reads packed weights of version 1, got 2. Update nxm"});
  Json later = kGood;
  later["version"] = 2;
  later["bits"] = 4;
  expect_error([&] { parse(later); }, {"$.nxm.version"});
  for (const Json& value : {Json(0), Json(-1), Json("1"), Json(1.0), Json(nullptr)}) {
    expect_rejected("version", value, {"expected an integer"});
  }
}

TEST(PackedInfo, WhatIsWrongIsNamed) {
  expect_rejected("pattern", "4:2", {"out of range", "write 2:4?"});
  expect_rejected("pattern", 24, {"expected a string"});
  expect_rejected("precision", "int4", {"expected f32, bf16, f16 or int8, got \"int4\""});
  expect_rejected("precision", nullptr, {"expected a string, got null"});
  expect_rejected("layers", Json::array(), {"expected layers, got none"});
  expect_rejected("layers", kQuery, {"expected an array"});
  expect_rejected("layers", {kQuery, kQuery}, {"each once", kQuery});
  expect_rejected("layers", {1}, {"expected weights of encoder layers, each once, got 1"});
  expect_rejected("layers", {"classifier.weight"}, {"classifier.weight"});
  expect_rejected("layers", {"bert.encoder.layer.1.attention.self.query.weight"}, {"layer.1."});
  expect_rejected("layer", 1, {"no such key (did you mean 'layers'?)"});
  for (const char* key : {"version", "pattern", "precision", "layers"}) {
    Json nxm = kGood;
    nxm.erase(key);
    expect_error([&] { parse(nxm); }, {"$.nxm." + std::string(key), "got nothing"});
  }
  expect_error([] { parse(7); }, {"$.nxm", "expected an object, got 7"});
}

TEST(PackedInfo, Words) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kI8}) {
    EXPECT_EQ(parse_precision_word(precision_word(dtype)), dtype);
  }
  EXPECT_FALSE(parse_precision_word("F32"));
  EXPECT_THROW(precision_word(DType::kF64), ContractError);
}

}  // namespace
}  // namespace nxm
