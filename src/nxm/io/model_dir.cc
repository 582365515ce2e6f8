// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/model_dir.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/io/input_file.h"
#include "nxm/io/packed_weights.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

bool is_inside(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

ModelConfig read_config(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    fail(folder.string(), "expected a folder with a model, found {}. Give the path of a folder with config.json and {}",
         fs::exists(folder, error) ? "a file" : "nothing", kWeightsFile);
  }
  const std::optional<fs::path> path = find_model_file(folder, kConfigFile);
  if (!path) {
    const bool run = fs::exists(folder / "model" / kConfigFile, error);
    fail(folder.string(), "no config.json in this folder. {}",
         run ? fmt::format("This is a run, and its model is {}", (folder / "model").string())
             : "A model in Hugging Face layout has one");
  }
  return ModelConfig::parse(read_file(*path), path->string());
}

const std::string& shard_name(const JsonFields& index, const std::string& tensor, const Json& value) {
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
  const auto& shard_of = weight_map.raw().get_ref<const Json::object_t&>();
  const auto reject = [&](const std::string& problem) {
    index.reject("weight_map", fmt::format("{}. Fetch the model again", problem));
  };
  std::map<std::string, std::string> first_of;  // shard -> a tensor that should be in it
  for (const auto& [tensor, shard] : shard_of) first_of.try_emplace(shard_name(index, tensor, shard), tensor);
  if (first_of.empty()) reject("expected tensors, got none");
  std::vector<SafetensorsFile> files;
  std::map<std::string_view, std::string_view> found;  // tensor -> the shard that holds it
  for (const auto& [shard, tensor] : first_of) {
    const std::optional<fs::path> path = find_model_file(folder, shard);
    if (!path) {
      reject(fmt::format("expected the file {} with tensor {} in this folder, found none", shown_name(shard),
                         shown_name(tensor)));
    }
    for (const auto& entry : files.emplace_back(*path).tensors()) {
      const auto [other, fresh] = found.try_emplace(entry.first, shard);
      if (!fresh) {
        reject(fmt::format("expected tensor {} in one file, found it in {} and {}", shown_name(entry.first),
                           shown_name(other->second), shown_name(shard)));
      }
    }
  }
  for (const auto& [tensor, shard] : shard_of) {
    const auto there = found.find(tensor);
    const auto& wanted = shard.get_ref<const std::string&>();
    if (there == found.end() || there->second != wanted) {
      reject(fmt::format("expected tensor {} in {}, found it in {}", shown_name(tensor), shown_name(wanted),
                         there == found.end() ? "no file" : shown_name(there->second)));
    }
  }
  for (const auto& [tensor, shard] : found) {
    if (!shard_of.contains(std::string(tensor))) {
      reject(fmt::format("expected the file of every tensor, got none for {}, which {} holds", shown_name(tensor),
                         shown_name(shard)));
    }
  }
  return files;
}

std::vector<SafetensorsFile> open_weights(const fs::path& folder) {
  std::vector<SafetensorsFile> files;
  if (const auto path = find_model_file(folder, kWeightsFile)) {
    files.emplace_back(*path);
    return files;
  }
  if (const auto path = find_model_file(folder, kIndexFile)) return open_shards(folder, *path);
  const char* pickle = "pytorch_model.bin";
  std::error_code error;
  fail(folder.string(), "neither {} nor {} in this folder.{}", kWeightsFile, kIndexFile,
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

std::optional<fs::path> find_model_file(const fs::path& folder, const std::string& name) {
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

ModelDir::ModelDir(const fs::path& folder)
    : folder_(folder), config_(read_config(folder)), files_(open_weights(folder)) {
  for (const char* name : kTokenizerFiles) {  // a result takes them along: better refused now than after the training
    if (const auto path = find_model_file(folder, name)) InputFile{*path};
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
  packed_ = packed_info(config_, (folder / kConfigFile).string());
  find_packed();
}

void ModelDir::find_packed() {
  std::set<std::string, std::less<>> known;  // parts that belong to a packed weight
  if (packed_) {
    const auto shapes = expected_tensors(config_);
    for (const std::string& weight : packed_->layers) {
      const std::vector<int64_t>& shape = shapes.at(weight);
      TensorInfo info{packed_->dtype, shape, 0, 0};
      for (PackedPart& part : packed_parts(*packed_, weight, shape[0], shape[1])) {
        info.end += packed_part(weight, part).bytes();
        known.insert(std::move(part.name));
      }
      packed_weights_.emplace(weight, std::move(info));
    }
  }
  for (const auto& [name, at] : places_) {
    if (!weight_of_part(name) || known.contains(name)) continue;
    fail(folder_.string(), "tensor {} is part of a packed weight of which config.json says nothing at $.nxm. {}",
         shown_name(*at.stored_name), "Copy config.json from where the weights are from");
  }
}

const TensorInfo& ModelDir::packed_part(const std::string& weight, const PackedPart& part) const {
  const std::string where = folder_.string();
  if (places_.contains(weight)) {
    fail(where, "the weight '{}' is there dense, and packed by config.json at $.nxm.layers. Remove one of the two",
         weight);
  }
  if (!places_.contains(part.name)) {
    fail(where, "no tensor '{}', although '{}' is packed by config.json at $.nxm.layers. Pack the model again",
         part.name, weight);
  }
  const TensorInfo& stored = info(part.name);
  if (stored.dtype != part.dtype || stored.shape != part.shape) {
    fail(where, "tensor '{}': expected {} {} by config.json, found {} {}. Pack the model again", part.name,
         name_of(part.dtype), shape_text(part.shape), name_of(stored.dtype), shape_text(stored.shape));
  }
  return stored;
}

std::vector<std::string> ModelDir::names() const {
  std::vector<std::string> names;
  for (const auto& entry : places_) {
    if (!weight_of_part(entry.first)) names.push_back(entry.first);
  }
  for (const auto& entry : packed_weights_) names.push_back(entry.first);
  std::sort(names.begin(), names.end());
  return names;
}

bool ModelDir::has(std::string_view name) const { return places_.contains(name) || packed_weights_.contains(name); }

const TensorInfo& ModelDir::info(std::string_view name) const {
  const auto packed = packed_weights_.find(name);
  if (packed != packed_weights_.end()) return packed->second;
  const Place& at = place(name);
  return files_[at.file].info(*at.stored_name);
}

void ModelDir::read_f32(std::string_view name, std::span<float> out) const {
  if (const auto found = packed_weights_.find(name); found != packed_weights_.end()) {
    const Packed packed = read_packed(*this, *packed_, found->first);
    require(std::cmp_equal(out.size(), packed.rows * packed.cols),
            "ModelDir::read_f32: out is not of the weight's size");
    return unpack(packed.view(), {out.data(), packed.rows, packed.cols});
  }
  const Place& at = place(name);
  files_[at.file].read_f32(*at.stored_name, out);
}

void ModelDir::read(std::string_view name, std::span<std::byte> out) const {
  const Place& at = place(name);
  files_[at.file].read(*at.stored_name, out);
}

FilePiece ModelDir::piece(std::string_view name) const {
  const Place& at = place(name);
  return files_[at.file].piece(*at.stored_name);
}

uint64_t ModelDir::weight_bytes() const {
  uint64_t bytes = 0;
  for (const SafetensorsFile& file : files_) bytes += file.file_bytes();
  return bytes;
}

const ModelDir::Place& ModelDir::place(std::string_view name) const {
  const auto found = places_.find(name);
  if (found == places_.end()) {
    const std::vector<std::string> all = names();
    const std::vector<std::string_view> known(all.begin(), all.end());
    fail(folder_.string(), "no tensor {} among the model's {}{}. Are config.json and the weights of the same model?",
         shown_name(name), known.size(), did_you_mean(name, known));
  }
  return found->second;
}

void check_encoder(const ModelDir& dir) {
  const auto known = expected_tensors(dir.config());
  for (const std::string& name : dir.names()) {
    if (!name.starts_with("bert.encoder.")) continue;
    const auto expected = known.find(name);
    if (expected == known.end()) {
      fail(dir.folder().string(),
           "tensor {} is of none of the {} layers that config.json tells of. Take both from the same model",
           shown_name(name), dir.config().num_hidden_layers);
    }
    const std::vector<int64_t>& shape = dir.info(name).shape;
    if (shape != expected->second) {
      fail(dir.folder().string(),
           "tensor {}: expected shape {} by config.json, found {} in the weights. Take both from the same model",
           shown_name(name), shape_text(expected->second), shape_text(shape));
    }
  }
}

}  // namespace nxm
