// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/pack_model.h"

#include <cmath>
#include <set>

#include "io/random_model.h"
#include "io/support.h"
#include "nxm/core/packed.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/write_model.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;
using testing::expect_error;
using testing::RandomModel;
using testing::TempFolder;
using testing::tiny_config;

/// A random model, its layers 2:4.
void write_sparse(const fs::path& folder, bool claim = true) {
  RandomModel tiny(tiny_config(), Pattern{2, 4});
  if (claim) tiny.config.extra["nxm"] = {{"pattern", "2:4"}};
  write_model_dir(folder, tiny.config, tiny.tensors, "");
  write_file(folder / "vocab.txt", "[PAD]\n");
}

std::vector<float> values_of(const ModelDir& dir, const std::string& name) {
  std::vector<float> values(static_cast<size_t>(dir.info(name).elements()));
  dir.read_f32(name, values);
  return values;
}

TEST(PackModel, F32ThereAndBackIsTheSameFiles) {
  TempFolder folder;
  write_sparse(folder / "a");
  const std::vector<PackedLayer> layers =
      pack_model_dir(ModelDir(folder / "a"), {2, 4, 1}, DType::kF32, folder / "b", false);
  ASSERT_EQ(layers.size(), 12U);
  for (const PackedLayer& layer : layers) {
    EXPECT_EQ(layer.bits_per_weight(), 17) << layer.name;
    EXPECT_EQ(layer.bytes_before, static_cast<uint64_t>(layer.rows * layer.cols) * 4);
    EXPECT_EQ(layer.largest_error, 0);
  }
  const ModelDir packed(folder / "b");
  ASSERT_TRUE(packed.packed());
  EXPECT_EQ(packed.packed()->layers, sparsified_names(packed.config()));
  EXPECT_EQ(read_file(folder / "b/vocab.txt"), "[PAD]\n");
  unpack_model_dir(packed, folder / "c", false);
  for (const char* name : {"config.json", "model.safetensors", "vocab.txt"}) {
    EXPECT_EQ(read_file(folder / "a" / name), read_file(folder / "c" / name)) << name;
  }
}

TEST(PackModel, NarrowTypesRoundLayersAndTables) {
  TempFolder folder;
  write_sparse(folder / "a");
  const ModelDir dense(folder / "a");
  const std::vector<std::string> names = sparsified_names(dense.config());
  const std::set<std::string> layers(names.begin(), names.end());
  for (const auto& [dtype, bits, error] :
       {std::tuple{DType::kBF16, 9.0, 0x1p-6}, {DType::kF16, 9.0, 0x1p-9}, {DType::kI8, 5.0, 4.0 / 254}}) {
    const fs::path to = folder / name_of(dtype);
    for (const PackedLayer& layer : pack_model_dir(dense, {2, 4, 1}, dtype, to, false)) {
      const double scales = dtype == DType::kI8 ? 32.0 / static_cast<double>(layer.cols) : 0;
      EXPECT_EQ(layer.bits_per_weight(), bits + scales);
      EXPECT_GT(layer.largest_error, 0);
      EXPECT_LT(layer.largest_error, error);
    }
    const ModelDir packed(to);
    EXPECT_EQ(packed.names(), dense.names());
    for (const std::string& name : packed.names()) {
      EXPECT_EQ(packed.info(name).shape, dense.info(name).shape);
      const std::vector<float> before = values_of(dense, name), after = values_of(packed, name);
      const bool table = name.find("_embeddings.weight") != std::string::npos;
      for (size_t i = 0; i < before.size(); ++i) {
        if (table) {
          ASSERT_EQ(after[i], bf16_to_f32(f32_to_bf16(before[i]))) << name;
        } else {
          ASSERT_NEAR(after[i], before[i], layers.contains(name) ? error : 0) << name;
        }
      }
    }
  }
}

TEST(PackModel, APackedModelIsPackedAgain) {
  TempFolder folder;
  write_sparse(folder / "a");
  pack_model_dir(ModelDir(folder / "a"), {2, 4, 1}, DType::kBF16, folder / "b", false);
  pack_model_dir(ModelDir(folder / "b"), {2, 4, 1}, DType::kF32, folder / "c", false);
  const ModelDir b(folder / "b"), c(folder / "c");
  for (const std::string& name : b.names()) EXPECT_EQ(values_of(b, name), values_of(c, name));
}

TEST(PackModel, AModelTrainedFromAPackedOneIsDense) {
  TempFolder folder;
  write_sparse(folder / "a");
  pack_model_dir(ModelDir(folder / "a"), {2, 4, 1}, DType::kF32, folder / "b", false);
  const RandomModel tiny;
  write_model_dir(folder / "c", ModelDir(folder / "b").config(), tiny.tensors, "");
  const ModelDir dense(folder / "c");
  EXPECT_FALSE(dense.packed());
  EXPECT_EQ(dense.config().extra["nxm"], Json({{"pattern", "2:4"}}));
}

TEST(PackModel, NothingIsWrittenForAModelThatCannotBePacked) {
  TempFolder folder;
  const RandomModel tiny;
  write_model_dir(folder / "dense", tiny.config, tiny.tensors, "");
  const ModelDir dense(folder / "dense");
  const auto attempt = [&](const Pattern& pattern, std::initializer_list<std::string_view> parts) {
    expect_error([&] { pack_model_dir(dense, pattern, DType::kF32, folder / "out", false); }, parts);
    EXPECT_FALSE(fs::exists(folder / "out"));
  };
  attempt({2, 4, 1}, {"dense: bert.encoder.layer.0.attention.self.query.weight] not 2:4", "row 0"});
  attempt({3, 7, 1}, {"cannot be 3:7"});
  expect_error([&] { unpack_model_dir(dense, folder / "out", false); }, {"expected packed weights, found none"});
  write_sparse(folder / "other");
  ModelConfig config = ModelDir(folder / "other").config();
  config.hidden_size = 4;
  write_file(folder / "other/config.json", config.to_json());
  expect_error(
      [&] {
        pack_model_dir(ModelDir(folder / "other"), {2, 4, 1}, DType::kF32, folder / "out", false);
      },
      {"expected shape [4, 4] by config.json, found [8, 8]"});
}

TEST(PackModel, OutputsThatWouldDestroySomething) {
  TempFolder folder;
  write_sparse(folder / "a");
  write_sparse(folder / "b");
  const ModelDir dir(folder / "a");
  const auto attempt = [&](const fs::path& to, bool force, std::string_view part) {
    expect_error([&] { pack_model_dir(dir, {2, 4, 1}, DType::kF32, to, force); }, {part});
    expect_error([&] { unpack_model_dir(dir, to, force); }, {part});
  };
  fs::create_directory_symlink(folder / "a", folder / "link");
  for (const bool force : {false, true}) {
    attempt(folder / "a", force, "is the model's folder");
    attempt(folder / "link", force, "is the model's folder");
    attempt(folder / "b/../a/c", force, "lies in it");
    attempt(folder / "a/vocab.txt", force, "expected a folder, found a file");
  }
  attempt(folder / "b", false, "expected an empty or new folder");
  fs::create_directory(folder / "empty");
  pack_model_dir(dir, {2, 4, 1}, DType::kF32, folder / "empty", false);
  write_file(folder / "b/tokenizer.json", "of another model");
  write_file(folder / "b/notes.txt", "mine");
  pack_model_dir(dir, {2, 4, 1}, DType::kF32, folder / "b", true);
  EXPECT_TRUE(ModelDir(folder / "b").packed());
  EXPECT_FALSE(fs::exists(folder / "b/tokenizer.json"));
  EXPECT_EQ(read_file(folder / "b/notes.txt"), "mine");
}

}  // namespace
}  // namespace nxm
