// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/write_model.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/model_dir.h"
#include "nxm/io/packed_info.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

using Shard = std::vector<TensorToWrite>;

/// The tensors in their order, a new shard where one would have more than `limit` bytes.
std::vector<Shard> split(std::vector<TensorToWrite> tensors, uint64_t limit) {
  std::vector<Shard> shards(1);
  uint64_t bytes = 0;
  for (TensorToWrite& tensor : tensors) {
    if (!shards.back().empty() && bytes + tensor.data.size() > limit) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += tensor.data.size();
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

void write_weights(const fs::path& folder, std::vector<TensorToWrite> tensors, uint64_t shard_bytes) {
  const std::map<std::string, std::string> metadata = {{"format", "pt"}};
  std::vector<Shard> shards = split(std::move(tensors), shard_bytes);
  if (shards.size() == 1) return write_safetensors(folder / kWeightsFile, std::move(shards[0]), metadata);
  uint64_t total = 0;
  Json shard_of = Json::object();
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    for (const TensorToWrite& tensor : shards[i]) {
      total += tensor.data.size();
      shard_of[tensor.name] = name;
    }
    write_safetensors(folder / name, std::move(shards[i]), metadata);
  }
  const Json index = {{"metadata", {{"total_size", total}}}, {"weight_map", std::move(shard_of)}};
  write_file(folder / kIndexFile, index.dump(2) + "\n");
  fs::remove(folder / kWeightsFile);  // an earlier model's, which would be read in place of the shards
}

/// model.safetensors, the index, and shards, whether an index names them or not.
std::vector<std::string> weight_files(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool shard = name.starts_with("model-") && name.ends_with(".safetensors");
    if (shard || name == kWeightsFile || name == kIndexFile) names.push_back(name);
  }
  return names;
}

}  // namespace

void write_model_dir(const fs::path& folder, const ModelConfig& config, std::vector<TensorToWrite> tensors,
                     const fs::path& tokenizer_from, uint64_t shard_bytes) {
  ModelConfig written = config;
  if (written.labels.empty()) written.labels = {"LABEL_0"};  // transformers would think of two
  for (const TensorToWrite& tensor : tensors) {
    require(tensor.dtype == DType::kF32, "write_model_dir: " + tensor.name + " is not F32");
    require(tensor.name != "classifier.weight" || tensor.shape.at(0) == static_cast<int64_t>(written.labels.size()),
            "write_model_dir: classifier.weight has not a row for each label");
  }
  if (const auto packed = packed_info(config, kConfigFile)) written.extra["nxm"] = {{"pattern", packed->pattern.str()}};
  write_model_files(folder, written, std::move(tensors), tokenizer_from, shard_bytes);
}

void write_model_files(const fs::path& folder, const ModelConfig& config, std::vector<TensorToWrite> tensors,
                       const fs::path& tokenizer_from, uint64_t shard_bytes) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_errno(folder, "make the folder", error.value());
  for (const char* name : kTokenizerFiles) {
    const std::optional<fs::path> source =
        tokenizer_from.empty() ? std::nullopt : find_model_file(tokenizer_from, name);
    if (source && !fs::equivalent(*source, folder / name, error)) write_file(folder / name, read_file(*source));
  }
  write_weights(folder, std::move(tensors), shard_bytes);
  write_file(folder / kConfigFile, config.to_json());
}

void replace_model_files(const fs::path& from, const fs::path& to) {
  // Without config.json the folder is no model, so it goes first and comes last.
  fs::remove(to / kConfigFile);
  for (const std::string& name : weight_files(to)) fs::remove(to / name);
  for (const char* name : kTokenizerFiles) fs::remove(to / name);
  for (const char* name : kTokenizerFiles) {
    if (fs::exists(from / name)) rename_durably(from / name, to / name);
  }
  for (const std::string& name : weight_files(from)) rename_durably(from / name, to / name);
  rename_durably(from / kConfigFile, to / kConfigFile);
}

}  // namespace nxm
