// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model directory in Hugging Face layout: config.json, tokenizer files, model.safetensors or shards with an index.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/io/model_config.h"
#include "nxm/io/model_tensors.h"
#include "nxm/io/packed_info.h"
#include "nxm/io/safetensors.h"

namespace nxm {

struct PackedPart;

/// The files of a model directory.
inline constexpr const char* kConfigFile = "config.json";
inline constexpr const char* kWeightsFile = "model.safetensors";
inline constexpr const char* kIndexFile = "model.safetensors.index.json";
inline constexpr const char* kTokenizerFiles[] = {"tokenizer.json", "tokenizer_config.json", "vocab.txt",
                                                  "special_tokens_map.json"};

/// The file `name` of a model's folder, if there is one. Its links may lead elsewhere in the folder only, or from a
/// snapshot of Hugging Face's cache (hub/models--org--name/snapshots/commit) to the repository's blobs, and from there
/// to the blobs that all repositories share; else Error.
std::optional<std::filesystem::path> find_model_file(const std::filesystem::path& folder, const std::string& name);

/// Reads a directory. Names are canonical: those of transformers' BertForSequenceClassification
/// ("bert.embeddings.word_embeddings.weight", "bert.pooler.dense.bias", "classifier.weight"), whether the files have
/// the "bert." prefix or not; LayerNorm gamma/beta become weight/bias; `embeddings.position_ids` buffers are left out.
/// Packed N:M weights stand under their plain names with their dense shapes, so that whoever knows nothing of packing
/// reads what the model computes with.
class ModelDir {
 public:
  /// Throws Error: not a folder, no config.json, no weights, a shard name that is absolute, has `..`, is missing or
  /// resolves (through links) outside the folder (a Hugging Face cache snapshot may link into its own ../../blobs),
  /// an index that disagrees with its shards, two files' tensors with one canonical name, packed weights that are not
  /// what config.json says of them.
  explicit ModelDir(const std::filesystem::path& folder);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const ModelConfig& config() const { return config_; }
  /// None for a directory without packed weights.
  [[nodiscard]] const std::optional<PackedInfo>& packed() const { return packed_; }
  /// Canonical names, sorted; of a packed weight only the plain one.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// Of a packed weight: the dense shape, the type of its values, and the bytes of all that is stored for it. Knows the
  /// parts too ("….nm_values").
  [[nodiscard]] const TensorInfo& info(std::string_view name) const;
  /// Values; of a packed weight, checked, what it stands for.
  void read_f32(std::string_view name, std::span<float> out) const;
  /// Its bytes as stored; of a packed weight only part by part.
  void read(std::string_view name, std::span<std::byte> out) const;
  [[nodiscard]] FilePiece piece(std::string_view name) const;  ///< as SafetensorsFile::piece()
  /// Bytes of the weight files on disk.
  [[nodiscard]] uint64_t weight_bytes() const;

 private:
  struct Place {
    size_t file;
    const std::string* stored_name;  // in that file's tensors()
  };
  [[nodiscard]] const Place& place(std::string_view name) const;
  void find_packed();
  [[nodiscard]] const TensorInfo& packed_part(const std::string& weight, const PackedPart& part) const;

  std::filesystem::path folder_;
  ModelConfig config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Place, std::less<>> places_;  // parts of packed weights included
  std::optional<PackedInfo> packed_;
  std::map<std::string, TensorInfo, std::less<>> packed_weights_;  // what info() says of them
};

/// Throws Error if the weights hold a layer that config.json does not tell of, or a tensor of the encoder in another
/// shape: a model of only some layers would answer, but nonsense.
void check_encoder(const ModelDir& dir);

}  // namespace nxm
