// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_dir.h"

#include <sys/stat.h>

#include <set>

#include "io/random_model.h"
#include "io/support.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/write_model.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;
using testing::expect_error;
using testing::RandomModel;
using testing::TempFolder;
using testing::tiny_config;

void expect_equal(const ModelDir& model, const RandomModel& expected) {
  ASSERT_EQ(model.names().size(), expected.tensors.size());
  for (size_t i = 0; i < expected.tensors.size(); ++i) {
    const std::string& name = expected.tensors[i].name;
    ASSERT_TRUE(model.has(name)) << name;
    EXPECT_EQ(model.info(name).shape, expected.tensors[i].shape);
    std::vector<float> values(expected.data[i].size());
    model.read_f32(name, values);
    EXPECT_EQ(values, expected.data[i]) << name;
  }
}

/// Writes the model as shards of `per_file` tensors, with an index.
Json write_shards(const fs::path& folder, const RandomModel& model, size_t per_file) {
  fs::create_directories(folder);
  Json index = {{"metadata", {{"total_size", 0}}}, {"weight_map", Json::object()}};
  for (size_t begin = 0; begin < model.tensors.size(); begin += per_file) {
    const size_t end = std::min(begin + per_file, model.tensors.size());
    const std::string name = fmt::format("model-{:05}.safetensors", begin / per_file + 1);
    for (size_t i = begin; i < end; ++i) index["weight_map"][model.tensors[i].name] = name;
    write_safetensors(folder / name, {model.tensors.begin() + static_cast<ptrdiff_t>(begin),
                                      model.tensors.begin() + static_cast<ptrdiff_t>(end)});
  }
  write_file(folder / "config.json", model.config.to_json());
  write_file(folder / "model.safetensors.index.json", index.dump());
  return index;
}

TEST(ModelDir, ShardsTakeThePlaceOfAnotherModel) {
  TempFolder folder;
  RandomModel tiny, other;
  for (float& value : other.data[0]) value += 1;
  const auto files = [](const fs::path& model) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(model)) names.insert(entry.path().filename().string());
    return names;
  };
  const std::set<std::string> single = {"config.json", "model.safetensors"};
  write_model_dir(folder / "m", other.config, other.tensors, "");
  write_model_dir(folder / "m", tiny.config, tiny.tensors, "", 4000);  // over one file
  expect_equal(ModelDir(folder / "m"), tiny);
  EXPECT_FALSE(files(folder / "m").contains("model.safetensors"));
  write_model_dir(folder / "single", other.config, other.tensors, "");
  replace_model_files(folder / "single", folder / "m");  // one file for shards
  expect_equal(ModelDir(folder / "m"), other);
  EXPECT_EQ(files(folder / "m"), single);
  write_model_dir(folder / "shards", tiny.config, tiny.tensors, "", 4000);
  const std::set<std::string> shards = files(folder / "shards");
  EXPECT_GT(shards.size(), 3U);
  replace_model_files(folder / "shards", folder / "m");  // and back
  expect_equal(ModelDir(folder / "m"), tiny);
  EXPECT_EQ(files(folder / "m"), shards);
}

TEST(ModelDir, ReadsWhatWasWritten) {
  TempFolder folder;
  const RandomModel tiny;
  write_model_dir(folder / "a/b", tiny.config, tiny.tensors, "");
  const ModelDir model(folder / "a/b");
  expect_equal(model, tiny);
  EXPECT_EQ(model.config().labels, tiny.config.labels);
  EXPECT_EQ(model.folder(), folder / "a/b");
  EXPECT_EQ(model.weight_bytes(), fs::file_size(folder / "a/b/model.safetensors"));
  EXPECT_FALSE(model.has("bert.nothing"));
  expect_error([&] { (void)model.info("bert.pooler.dense.wight"); },
               {"a/b]", "did you mean 'bert.pooler.dense.weight'"});
  expect_error([&] { model.read_f32("x", {}); }, {"no tensor 'x' among the model's"});
}

TEST(ModelDir, OldNames) {
  TempFolder folder;
  const RandomModel tiny;
  RandomModel old;
  for (TensorToWrite& tensor : old.tensors) {
    if (tensor.name.starts_with("bert.")) tensor.name.erase(0, 5);
    const auto rename = [&](std::string_view from, std::string_view to) {
      if (tensor.name.ends_with(from)) tensor.name.replace(tensor.name.size() - from.size(), from.size(), to);
    };
    rename("LayerNorm.weight", "LayerNorm.gamma");
    rename("LayerNorm.bias", "LayerNorm.beta");
  }
  const std::vector<int64_t> ids(12, 0);
  old.tensors.push_back({"embeddings.position_ids", DType::kI64, {1, 12}, std::as_bytes(std::span(ids))});
  write_safetensors(folder / "model.safetensors", old.tensors);
  write_file(folder / "config.json", tiny.config.to_json());
  expect_equal(ModelDir(folder.path()), tiny);
}

TEST(ModelDir, TwoNamesOfOneTensor) {
  TempFolder folder;
  RandomModel tiny;
  tiny.tensors.push_back(tiny.tensors.back());
  tiny.tensors.back().name = "pooler.dense.bias";
  write_safetensors(folder / "model.safetensors", tiny.tensors);
  write_file(folder / "config.json", tiny.config.to_json());
  expect_error([&] { ModelDir model(folder.path()); }, {"'bert.pooler.dense.bias' and 'pooler.dense.bias' are both"});
}

TEST(ModelDir, MissingPieces) {
  TempFolder folder;
  const RandomModel tiny;
  expect_error([&] { ModelDir model(folder / "absent"); },
               {"/absent]", "expected a folder with a model, found nothing"});
  write_file(folder / "file", "x");
  expect_error([&] { ModelDir model(folder / "file"); }, {"found a file"});
  expect_error([&] { ModelDir model(folder.path()); }, {"no config.json"});
  std::filesystem::create_directories(folder / "run/model");
  write_file(folder / "run/model/config.json", tiny.config.to_json());
  expect_error([&] { ModelDir model(folder / "run"); }, {"no config.json", "its model is", "/run/model"});
  write_file(folder / "config.json", "{");
  expect_error([&] { ModelDir model(folder.path()); }, {"/config.json]", "stopped at byte"});
  write_file(folder / "config.json", tiny.config.to_json());
  expect_error([&] { ModelDir model(folder.path()); },
               {"neither model.safetensors nor model.safetensors.index.json", "Fetch"});
  write_file(folder / "pytorch_model.bin", "x");
  expect_error([&] { ModelDir model(folder.path()); }, {"does not read pytorch_model.bin"});
  ASSERT_EQ(::mkfifo((folder / "model.safetensors").c_str(), 0600), 0);
  expect_error([&] { ModelDir model(folder.path()); }, {"/model.safetensors]", "found a FIFO"});
  fs::remove(folder / "model.safetensors");
  fs::create_directory(folder / "model.safetensors");
  expect_error([&] { ModelDir model(folder.path()); }, {"found a folder"});
}

TEST(ModelDir, Shards) {
  const RandomModel tiny;
  for (const size_t per_file : {1, 5, 100}) {
    TempFolder folder;
    write_shards(folder.path(), tiny, per_file);
    const ModelDir model(folder.path());
    expect_equal(model, tiny);
    uint64_t bytes = 0;
    for (const std::string& name : folder.names())
      bytes += name.ends_with(".safetensors") ? fs::file_size(folder / name) : 0;
    EXPECT_EQ(model.weight_bytes(), bytes);
  }
}

class ModelDirIndex : public ::testing::Test {
 protected:
  /// All of `parts` in the message about the folder with `index`, which says which file and what to do.
  void rejected(const std::string& index, std::vector<std::string> parts) {
    write_file(folder / "model.safetensors.index.json", index);
    parts.insert(parts.end(), {"/model.safetensors.index.json] $.weight_map", "Fetch the model again"});
    for (const std::string& part : parts) expect_error([&] { ModelDir model(folder.path()); }, {part});
  }
  void rejected(const Json& index, std::vector<std::string> parts) { rejected(index.dump(), std::move(parts)); }
  [[nodiscard]] Json with_shard(const Json& shard) const {
    Json index = good;
    index["weight_map"][first] = shard;
    return index;
  }

  TempFolder folder;
  const RandomModel tiny;
  const Json good = write_shards(folder.path(), tiny, 20);
  const std::string first = tiny.tensors[0].name, second = tiny.tensors[20].name;
  const std::string shard1 = "model-00001.safetensors", shard2 = "model-00002.safetensors";
};

TEST_F(ModelDirIndex, NamesOtherThanOfFilesInTheFolder) {
  for (const Json& shard :
       {Json("../x.safetensors"), Json("/etc/x.safetensors"), Json("sub/x.safetensors"), Json("x.bin"), Json(""),
        Json(".."), Json(3), Json(nullptr), Json(std::string("a\0.safetensors", 14)), Json("a\\b.safetensors")}) {
    rejected(with_shard(shard), {": tensor '" + first + "': expected the name of a .safetensors file in this folder"});
  }
  rejected(with_shard("../x.safetensors"), {"got \"../x.safetensors\""});
}

TEST_F(ModelDirIndex, MissingShard) {
  rejected(with_shard("absent.safetensors"),
           {": expected the file 'absent.safetensors' with tensor '" + first + "' in this folder, found none"});
  fs::remove(folder / shard2);
  rejected(good, {": expected the file '" + shard2 + "' with tensor '" + second + "' in this folder, found none"});
}

TEST_F(ModelDirIndex, DisagreesWithItsShards) {
  rejected(with_shard(shard2), {": expected tensor '" + first + "' in '" + shard2 + "', found it in '" + shard1 + "'"});
  Json index = good;
  index["weight_map"].erase(first);
  rejected(index, {": expected the file of every tensor, got none for '" + first + "', which '" + shard1 + "' holds"});
  index = good;
  index["weight_map"]["ghost"] = shard1;
  rejected(index, {": expected tensor 'ghost' in '" + shard1 + "', found it in no file"});
  write_safetensors(folder / shard2, {tiny.tensors[20]});  // another model's, or an older one's
  rejected(good, {": expected tensor '" + tiny.tensors[21].name + "' in '" + shard2 + "', found it in no file"});
}

TEST_F(ModelDirIndex, ATensorInTwoShards) {
  write_safetensors(folder / shard2, {tiny.tensors[0]});
  Json index = good;
  for (size_t i = 20; i < tiny.tensors.size(); ++i) index["weight_map"].erase(tiny.tensors[i].name);
  index["weight_map"][first] = shard2;
  rejected(index, {": expected tensor '" + first + "' in one file, found it in '" + shard1 + "' and '" + shard2 + "'"});
}

TEST_F(ModelDirIndex, NotAMapOfNames) {
  rejected(Json{{"weight_map", Json::object()}}, {": expected tensors, got none"});
  for (const char* index : {"{\"weight_map\":3}", "{\"weight_map\":null}", "{}"}) {
    write_file(folder / "model.safetensors.index.json", index);
    expect_error([&] { ModelDir model(folder.path()); }, {"index.json] $.weight_map: expected an object, got "});
  }
  write_file(folder / "model.safetensors.index.json", "{\"weight_map\":{\"a\":\"x\",\"a\":\"x\"}}");
  expect_error([&] { ModelDir model(folder.path()); }, {"index.json]", "'a' stands twice"});
}

TEST_F(ModelDirIndex, TruncatedShard) {
  fs::resize_file(folder / shard2, fs::file_size(folder / shard2) - 1);
  expect_error([&] { ModelDir model(folder.path()); },
               {"/model-00002.safetensors] expected ", "truncated; fetch it again"});
}

TEST(ModelDir, LinksStayInside) {
  TempFolder folder;
  const RandomModel tiny;
  write_model_dir(folder / "m", tiny.config, tiny.tensors, "");
  fs::create_symlink("m", folder / "alias");
  EXPECT_NO_THROW(ModelDir(folder / "alias"));
  fs::rename(folder / "m/model.safetensors", folder / "m/weights");
  fs::create_symlink("weights", folder / "m/model.safetensors");
  EXPECT_NO_THROW(ModelDir(folder / "m"));
  fs::rename(folder / "m/weights", folder / "weights");
  expect_error([&] { ModelDir model(folder / "m"); }, {"/m/model.safetensors]", "find what it links to"});  // dangling
  for (const fs::path& target : {fs::path("../weights"), folder / "weights", folder / "m/../weights"}) {
    fs::remove(folder / "m/model.safetensors");
    fs::create_symlink(target, folder / "m/model.safetensors");
    expect_error([&] { ModelDir model(folder / "m"); }, {"/m/model.safetensors]", "outside"});
  }
  // A name that begins like the folder's is another folder.
  fs::create_directory(folder / "mm");
  fs::rename(folder / "weights", folder / "mm/weights");
  fs::remove(folder / "m/model.safetensors");
  fs::create_symlink("../mm/weights", folder / "m/model.safetensors");
  expect_error([&] { ModelDir model(folder / "m"); }, {"outside"});
  write_shards(folder / "s", tiny, 20);
  fs::rename(folder / "s/model-00001.safetensors", folder / "shard");
  fs::create_symlink("../shard", folder / "s/model-00001.safetensors");
  expect_error([&] { ModelDir model(folder / "s"); }, {"/s/model-00001.safetensors]", "outside"});
}

TEST(ModelDir, SnapshotOfTheHubCache) {
  TempFolder folder;
  const RandomModel tiny;
  const fs::path hub = folder / "hub", repository = hub / "models--org--name",
                 snapshot = repository / "snapshots/0123abcd";
  write_model_dir(folder / "m", tiny.config, tiny.tensors, "");
  for (const fs::path& part : {repository / "blobs", hub / "blobs/ab", snapshot}) fs::create_directories(part);
  fs::rename(folder / "m/config.json", repository / "blobs/etag1");
  fs::rename(folder / "m/model.safetensors", hub / "blobs/ab/hash");
  fs::create_symlink("../../blobs/ab/hash", repository / "blobs/etag2");  // the second hop
  fs::create_symlink("../../blobs/etag1", snapshot / "config.json");
  fs::create_symlink("../../blobs/etag2", snapshot / "model.safetensors");
  expect_equal(ModelDir(snapshot), tiny);
  write_file(hub / "elsewhere", read_file(hub / "blobs/ab/hash"));
  fs::remove(repository / "blobs/etag2");
  fs::create_symlink("../../elsewhere", repository / "blobs/etag2");
  expect_error([&] { ModelDir model(snapshot); }, {"/model.safetensors]", "outside"});
}

TEST(WriteModelDir, CopiesTheTokenizerFilesThatExist) {
  TempFolder folder;
  const RandomModel tiny(tiny_config({}));
  fs::create_directory(folder / "from");
  write_file(folder / "from/vocab.txt", "[PAD]\n");
  write_file(folder / "from/tokenizer.json", "{}");
  write_file(folder / "from/README.md", "x");
  write_model_dir(folder / "to", tiny.config, tiny.tensors, folder / "from");
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "to")) names.insert(entry.path().filename());
  EXPECT_EQ(names, (std::set<std::string>{"config.json", "model.safetensors", "tokenizer.json", "vocab.txt"}));
  EXPECT_EQ(read_file(folder / "to/vocab.txt"), "[PAD]\n");
  EXPECT_EQ(ModelDir(folder / "to").config().labels, std::vector<std::string>{"LABEL_0"});
  EXPECT_EQ(SafetensorsFile(folder / "to/model.safetensors").metadata(),
            (std::map<std::string, std::string>{{"format", "pt"}}));
  write_model_dir(folder / "to", tiny.config, tiny.tensors, folder / "to");  // onto itself
  EXPECT_EQ(read_file(folder / "to/vocab.txt"), "[PAD]\n");
}

TEST(WriteModelDir, Errors) {
  TempFolder folder;
  const RandomModel tiny;
  write_file(folder / "file", "x");
  expect_error([&] { write_model_dir(folder / "file/m", tiny.config, tiny.tensors, ""); },
               {"/file/m]", "cannot make the folder"});
  RandomModel other;
  other.config.labels.push_back("third");
  EXPECT_THROW(write_model_dir(folder / "m", other.config, other.tensors, ""), ContractError);
  const std::vector<std::byte> two(2);
  EXPECT_THROW(write_model_dir(folder / "m", tiny.config, {{"x", DType::kF16, {1}, two}}, ""), ContractError);
  EXPECT_FALSE(fs::exists(folder / "m"));
  fs::create_directory(folder / "from");
  fs::create_symlink("../file", folder / "from/vocab.txt");
  expect_error([&] { write_model_dir(folder / "m", tiny.config, tiny.tensors, folder / "from"); },
               {"from/vocab.txt]", "outside"});
}

}  // namespace
}  // namespace nxm
