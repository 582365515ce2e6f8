// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_dir.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kTokenizerFiles[] = {"tokenizer.json", "tokenizer_config.json", "vocab.txt",
                                           "special_tokens_map.json"};

bool is_inside(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

/// The file `name` of the model folder, if there is one. Its links may lead elsewhere in the folder only, or from a
/// snapshot of Hugging Face's cache (hub/models--org--name/snapshots/commit) to the repository's blobs, and from there
/// to the blobs that all repositories share.
std::optional<fs::path> find_file(const fs::path& folder, const std::string& name) {
  const fs::path path = folder / name;
  std::error_code error;
  if (fs::symlink_status(path, error).type() == fs::file_type::not_found) return std::nullopt;
  const fs::path target = fs::canonical(path, error);
  if (error) fail_errno(path, "find what it links to", error.value());
  const fs::path root = fs::canonical(folder);
  std::vector<fs::path> allowed = {root};
  if (const fs::path snapshots = root.parent_path(); snapshots.filename() == "snapshots") {
    const fs::path repository = snapshots.parent_path();
    allowed.push_back(repository / "blobs");
    allowed.push_back(repository.parent_path() / "blobs");
  }
  if (std::none_of(allowed.begin(), allowed.end(), [&](const fs::path& in) { return is_inside(target, in); })) {
    fail(path.string(), "expected a file of this folder, found a link to '{}' outside. Copy the file into the folder",
         target.string());
  }
  return path;
}

ModelConfig read_config(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    fail(folder.string(), "expected a folder with a model, found {}. Give the path of a folder with config.json and {}",
         fs::exists(folder, error) ? "a file" : "nothing", kWeights);
  }
  const std::optional<fs::path> path = find_file(folder, kConfig);
  if (!path) fail(folder.string(), "no config.json in this folder. A model in Hugging Face layout has one");
  return ModelConfig::parse(read_file(*path), path->string());
}

std::string shard_name(const JsonFields& index, const std::string& tensor, const Json& value) {
  const auto* name = value.get_ptr<const std::string*>();
  const bool plain =
      name && name->ends_with(".safetensors") && name->find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
  if (!plain) {
    index.reject("weight_map",
                 fmt::format("tensor {}: expected the name of a .safetensors file in this folder, got {}. {}",
                             shown_name(tensor), shown(value), "Fetch the model again"));
  }
  return *name;
}

/// The files that the index names, opened, after checking that it and they tell the same.
std::vector<SafetensorsFile> open_shards(const fs::path& folder, const fs::path& index_path) {
  const Json json = parse_json(read_file(index_path), index_path.string());
  const JsonFields index(json, index_path.string());
  const JsonFields weight_map = index.object("weight_map");
  std::map<std::string, size_t, std::less<>> numbers;
  for (const auto& [tensor, shard] : weight_map.raw().items()) numbers.emplace(shard_name(index, tensor, shard), 0);
  if (numbers.empty()) index.reject("weight_map", "expected tensors, got none. Fetch the model again");
  std::vector<SafetensorsFile> files;
  for (auto& [name, number] : numbers) {
    const std::optional<fs::path> path = find_file(folder, name);
    if (!path)
      index.reject("weight_map",
                   fmt::format("the file {} is not in this folder. Fetch the model again", shown_name(name)));
    number = files.size();
    files.emplace_back(*path);
  }
  for (const auto& [tensor, shard] : weight_map.raw().items()) {
    const auto& name = shard.get_ref<const std::string&>();
    if (!files[numbers.at(name)].tensors().contains(tensor)) {
      index.reject("weight_map",
                   fmt::format("tensor {} is not in {}. Fetch the model again", shown_name(tensor), shown_name(name)));
    }
  }
  for (const auto& [name, number] : numbers) {
    for (const auto& entry : files[number].tensors()) {
      const auto found = weight_map.raw().find(entry.first);
      if (found == weight_map.raw().end() || *found != Json(name)) {
        index.reject("weight_map",
                     fmt::format("expected tensor {} in {}, as that file holds it, got {}. Fetch the model again",
                                 shown_name(entry.first), shown_name(name),
                                 found == weight_map.raw().end() ? "nothing" : shown(*found)));
      }
    }
  }
  return files;
}

std::vector<SafetensorsFile> open_weights(const fs::path& folder) {
  std::vector<SafetensorsFile> files;
  if (const auto path = find_file(folder, kWeights)) {
    files.emplace_back(*path);
    return files;
  }
  if (const auto path = find_file(folder, kIndex)) return open_shards(folder, *path);
  const char* pickle = "pytorch_model.bin";
  std::error_code error;
  fail(folder.string(), "neither {} nor {} in this folder.{}", kWeights, kIndex,
       fs::exists(folder / pickle, error) ? " nxm does not read pytorch_model.bin; convert it to safetensors"
                                          : " Fetch the model again");
}

/// As BertForSequenceClassification of today's transformers calls it.
std::string canonical_name(std::string_view stored) {
  std::string name(stored);
  for (const std::string_view part : {"embeddings.", "encoder.", "pooler."}) {
    if (stored.starts_with(part)) name.insert(0, "bert.");
  }
  for (const auto& [old, today] :
       {std::pair<std::string_view, std::string_view>{"gamma", "weight"}, {"beta", "bias"}}) {
    if (name.ends_with(fmt::format("LayerNorm.{}", old))) name.replace(name.size() - old.size(), old.size(), today);
  }
  return name;
}

}  // namespace

ModelDir::ModelDir(const fs::path& folder)
    : folder_(folder), config_(read_config(folder)), files_(open_weights(folder)) {
  for (const char* name : kTokenizerFiles) {  // a result takes them along: better refused now than after the training
    if (const auto path = find_file(folder, name)) InputFile{*path};
  }
  for (size_t file = 0; file < files_.size(); ++file) {
    for (const auto& entry : files_[file].tensors()) {
      const std::string name = canonical_name(entry.first);
      if (name == "bert.embeddings.position_ids") continue;  // 0, 1, 2, …; a buffer of older versions
      const auto [other, fresh] = places_.try_emplace(name, Place{file, &entry.first});
      if (!fresh) {
        fail(folder.string(), "the tensors {} and {} are both {}. Remove one of them",
             shown_name(*other->second.stored_name), shown_name(entry.first), shown_name(name));
      }
    }
  }
}

std::vector<std::string> ModelDir::names() const {
  std::vector<std::string> names;
  for (const auto& entry : places_) names.push_back(entry.first);
  return names;
}

bool ModelDir::has(std::string_view name) const { return places_.contains(name); }

const TensorInfo& ModelDir::info(std::string_view name) const {
  const Place& at = place(name);
  return files_[at.file].info(*at.stored_name);
}

void ModelDir::read_f32(std::string_view name, std::span<float> out) const {
  const Place& at = place(name);
  files_[at.file].read_f32(*at.stored_name, out);
}

uint64_t ModelDir::weight_bytes() const {
  uint64_t bytes = 0;
  for (const SafetensorsFile& file : files_) bytes += file.file_bytes();
  return bytes;
}

const ModelDir::Place& ModelDir::place(std::string_view name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) {
    std::vector<std::string_view> known;
    for (const auto& entry : places_) known.push_back(entry.first);
    fail(folder_.string(), "no tensor {} among the model's {}{}. Are config.json and the weights of the same model?",
         shown_name(name), known.size(), did_you_mean(name, known));
  }
  return found->second;
}

void write_model_dir(const fs::path& folder, const ModelConfig& config, std::vector<TensorToWrite> tensors,
                     const fs::path& tokenizer_from) {
  ModelConfig written = config;
  if (written.labels.empty()) written.labels = {"LABEL_0"};  // transformers would think of two
  for (const TensorToWrite& tensor : tensors) {
    require(tensor.dtype == DType::kF32, "write_model_dir: " + tensor.name + " is not F32");
    require(tensor.name != "classifier.weight" || tensor.shape.at(0) == static_cast<int64_t>(written.labels.size()),
            "write_model_dir: classifier.weight has not a row for each label");
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_errno(folder, "make the folder", error.value());
  for (const char* name : kTokenizerFiles) {
    const std::optional<fs::path> source = tokenizer_from.empty() ? std::nullopt : find_file(tokenizer_from, name);
    if (source && !fs::equivalent(*source, folder / name, error)) write_file(folder / name, read_file(*source));
  }
  write_safetensors(folder / kWeights, std::move(tensors), {{"format", "pt"}});
  write_file(folder / kConfig, written.to_json());
}

}  // namespace nxm
