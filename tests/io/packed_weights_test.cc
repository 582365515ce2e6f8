// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/packed_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "io/random_model.h"
#include "io/support.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/write_model.h"

namespace nxm {
namespace {

using testing::expect_error;
using testing::RandomModel;
using testing::TempFolder;

const std::string kLayer = "bert.encoder.layer.1.intermediate.dense";

/// The tiny model with one layer (16, 8) packed, to be damaged before it is written.
struct OnePacked {
  RandomModel tiny;
  Packed packed;
  std::vector<float> weight = std::vector<float>(128);
  Json nxm;

  explicit OnePacked(DType dtype = DType::kI8, const Pattern& pattern = {2, 4, 1}) {
    Rng rng(3, "one packed");
    for (int64_t i = 0; i < 128; ++i) {
      if (i % pattern.of < pattern.keep) weight[static_cast<size_t>(i)] = static_cast<float>(rng.normal());
    }
    packed = pack({weight.data(), 16, 8}, pattern, dtype, "w");
    nxm = PackedInfo{1, pattern, dtype, {kLayer + ".weight"}}.to_json();
    drop(kLayer + ".weight");
    add(".nm_values", dtype, {16, 8 / pattern.of, pattern.keep}, packed.values);
    add(".nm_indices", DType::kU8, {16 / pattern.share, index_row_bytes(pattern, 8)}, packed.indices);
    if (dtype == DType::kI8) add(".nm_scales", DType::kF32, {16}, std::as_bytes(std::span(packed.scales)));
  }
  void drop(std::string_view name) {
    std::erase_if(tiny.tensors, [&](const TensorToWrite& tensor) { return tensor.name == name; });
  }
  void add(std::string_view part, DType dtype, std::vector<int64_t> shape, std::span<const std::byte> data) {
    tiny.tensors.push_back({kLayer + std::string(part), dtype, std::move(shape), data});
  }
  TensorToWrite& part(std::string_view part) {
    return *std::ranges::find(tiny.tensors, kLayer + std::string(part), &TensorToWrite::name);
  }
  std::filesystem::path write(const TempFolder& folder) {
    tiny.config.extra["nxm"] = nxm;
    if (nxm.is_null()) tiny.config.extra.erase("nxm");
    write_model_files(folder.path(), tiny.config, tiny.tensors, "");
    return folder.path();
  }
};

void expect_damage(const std::function<void(OnePacked&)>& damage, std::initializer_list<std::string_view> parts,
                   DType dtype = DType::kI8) {
  TempFolder folder;
  OnePacked model(dtype);
  damage(model);
  expect_error([&] { ModelDir dir(model.write(folder)); }, parts);
}

TEST(PackedWeights, ReadAsIfTheyWereDense) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kI8}) {
    for (const Pattern& pattern : {Pattern{2, 4, 1}, {1, 8, 2}, {3, 8, 16}}) {
      TempFolder folder;
      OnePacked model(dtype, pattern);
      const ModelDir dir(model.write(folder));
      const RandomModel plain;
      std::vector<std::string> names;
      for (const TensorToWrite& tensor : plain.tensors) names.push_back(tensor.name);
      EXPECT_EQ(dir.names(), names);
      const std::string name = kLayer + ".weight";
      EXPECT_TRUE(dir.has(name));
      EXPECT_EQ(dir.info(name).shape, (std::vector<int64_t>{16, 8}));
      EXPECT_EQ(dir.info(name).dtype, dtype);
      EXPECT_EQ(dir.info(name).bytes(),
                model.packed.values.size() + model.packed.indices.size() + 4 * model.packed.scales.size());
      std::vector<float> values(128), expected(128);
      dir.read_f32(name, values);
      unpack(model.packed.view(), {expected.data(), 16, 8});
      EXPECT_EQ(values, expected);
      ASSERT_TRUE(dir.packed());
      const Packed packed = read_packed(dir, *dir.packed(), name);
      EXPECT_EQ(packed.values, model.packed.values);
      EXPECT_EQ(packed.indices, model.packed.indices);
      EXPECT_EQ(packed.scales, model.packed.scales);
      EXPECT_EQ(packed.pattern, pattern);
      EXPECT_THROW(dir.read_f32(name, std::span(values).first(4)), ContractError);
    }
  }
}

TEST(PackedWeights, OldNamesArePackedToo) {
  TempFolder folder;
  OnePacked model;
  for (TensorToWrite& tensor : model.tiny.tensors) {
    if (tensor.name.starts_with("bert.")) tensor.name.erase(0, 5);
  }
  const ModelDir dir(model.write(folder));
  std::vector<float> values(128), expected(128);
  dir.read_f32(kLayer + ".weight", values);
  unpack(model.packed.view(), {expected.data(), 16, 8});
  EXPECT_EQ(values, expected);
}

TEST(PackedWeights, FilesAndConfigMustAgree) {
  expect_damage([](OnePacked& m) { m.nxm = nullptr; }, {"nm_indices", "config.json says nothing at $.nxm"});
  expect_damage([](OnePacked& m) { m.nxm = {{"pattern", "2:4"}}; }, {"says nothing at $.nxm"});
  expect_damage([](OnePacked& m) { m.nxm["version"] = 2; }, {"config.json] $.nxm.version", "version 1, got 2"});
  expect_damage([](OnePacked& m) { m.nxm["layers"] = {"bert.encoder.layer.0.intermediate.dense.weight"}; },
                {"is there dense, and packed"});
  expect_damage(
      [](OnePacked& m) {
        m.add(".weight", DType::kF32, {16, 8}, std::as_bytes(std::span(m.weight)));
      },
      {"is there dense, and packed", "Remove one"});
  for (const char* part : {".nm_values", ".nm_indices", ".nm_scales"}) {
    expect_damage([&](OnePacked& m) { m.drop(kLayer + part); }, {"no tensor '", part, "$.nxm.layers"});
  }
  expect_damage(
      [](OnePacked& m) { m.add(".nm_scales", DType::kF32, {1}, std::as_bytes(std::span(m.weight)).first(4)); },
      {"nm_scales", "says nothing"}, DType::kF32);
  expect_damage([](OnePacked& m) { m.nxm["pattern"] = "3:7"; }, {kLayer, "cannot be 3:7"});
}

TEST(PackedWeights, TypesAndShapesMustBeThoseOfConfig) {
  expect_damage([](OnePacked& m) { m.part(".nm_values").dtype = DType::kU8; },
                {".nm_values': expected I8 [16, 2, 2] by config.json, found U8 [16, 2, 2]"});
  expect_damage([](OnePacked& m) { m.part(".nm_indices").dtype = DType::kI8; }, {"expected U8 [16, 1]", "found I8"});
  expect_damage([](OnePacked& m) { m.part(".nm_values").shape = {8, 4, 2}; }, {"[16, 2, 2]", "[8, 4, 2]"});
  expect_damage([](OnePacked& m) { m.part(".nm_values").shape = {64}; }, {"[16, 2, 2]", "[64]"});
  expect_damage([](OnePacked& m) { m.part(".nm_scales").shape = {16, 1}; }, {"expected F32 [16]", "[16, 1]"});
  expect_damage([](OnePacked& m) { m.nxm["pattern"] = "1:4"; }, {"expected I8 [16, 2, 1]"});
  expect_damage([](OnePacked& m) { m.nxm["pattern"] = "2:4x2"; }, {"expected U8 [8, 1]", "found U8 [16, 1]"});
  expect_damage([](OnePacked& m) { m.nxm["precision"] = "bf16"; }, {"expected BF16"});
}

TEST(PackedWeights, ContentIsCheckedWhenRead) {
  const auto damaged = [](const std::function<void(OnePacked&)>& damage, std::string_view part, DType dtype) {
    TempFolder folder;
    OnePacked model(dtype);
    damage(model);
    const ModelDir dir(model.write(folder));
    std::vector<float> values(128);
    const std::string place = fmt::format("{}: {}.weight] ", folder.path().string(), kLayer);
    expect_error([&] { dir.read_f32(kLayer + ".weight", values); }, {place, part});
    expect_error([&] { read_packed(dir, *dir.packed(), kLayer + ".weight"); }, {place, part});
  };
  damaged([](OnePacked& m) { m.packed.indices[3] = std::byte{0b01'00'01'01}; }, "ascending", DType::kI8);
  damaged([](OnePacked& m) { m.packed.scales[3] = 0; }, "scale", DType::kI8);
  damaged([](OnePacked& m) { m.packed.scales[3] = NAN; }, "scale", DType::kI8);
  damaged([](OnePacked& m) { m.packed.values[3] = std::byte{0x80}; }, "-128", DType::kI8);
  damaged([](OnePacked& m) { std::memset(m.packed.values.data(), 0xFF, 2); }, "finite", DType::kBF16);
}

TEST(PackedWeights, Parts) {
  const PackedInfo info{1, {3, 7, 2}, DType::kI8, {}};
  const std::vector<PackedPart> parts = packed_parts(info, "a.weight", 4, 14);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0].shape, (std::vector<int64_t>{4, 2, 3}));
  EXPECT_EQ(parts[1].shape, (std::vector<int64_t>{2, 3}));  // 18 bits
  EXPECT_EQ(parts[2].shape, std::vector<int64_t>{4});
  for (const PackedPart& part : parts) EXPECT_EQ(weight_of_part(part.name), "a.weight");
  EXPECT_EQ(packed_parts({1, {2, 4, 1}, DType::kF16, {}}, "a.weight", 1, 4).size(), 2U);
  EXPECT_FALSE(weight_of_part("a.weight"));
  EXPECT_THROW(packed_parts(info, "a.bias", 4, 14), ContractError);
}

}  // namespace
}  // namespace nxm
