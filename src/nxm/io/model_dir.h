// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model directory in Hugging Face layout: config.json, tokenizer files, model.safetensors or shards with an index.

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/io/model_config.h"
#include "nxm/io/model_tensors.h"
#include "nxm/io/safetensors.h"

namespace nxm {

/// Reads a directory. Names are canonical: those of transformers' BertForSequenceClassification
/// ("bert.embeddings.word_embeddings.weight", "bert.pooler.dense.bias", "classifier.weight"), whether the files have
/// the "bert." prefix or not; LayerNorm gamma/beta become weight/bias; `embeddings.position_ids` buffers are left out.
class ModelDir {
 public:
  /// Throws Error: not a folder, no config.json, no weights, a shard name that is absolute, has `..`, is missing or
  /// resolves (through links) outside the folder (a Hugging Face cache snapshot may link into its own ../../blobs),
  /// an index that disagrees with its shards, two files' tensors with one canonical name.
  explicit ModelDir(const std::filesystem::path& folder);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] const ModelConfig& config() const { return config_; }
  /// Canonical names, sorted.
  [[nodiscard]] std::vector<std::string> names() const;
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] const TensorInfo& info(std::string_view name) const;
  void read_f32(std::string_view name, std::span<float> out) const;
  void read(std::string_view name, std::span<std::byte> out) const;  ///< its bytes as stored
  /// Bytes of the weight files on disk.
  [[nodiscard]] uint64_t weight_bytes() const;

 private:
  struct Place {
    size_t file;
    const std::string* stored_name;  // in that file's tensors()
  };
  [[nodiscard]] const Place& place(std::string_view name) const;

  std::filesystem::path folder_;
  ModelConfig config_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Place, std::less<>> places_;
};

/// Writes config.json, model.safetensors (metadata {"format": "pt"}; F32) and copies the tokenizer files
/// (tokenizer.json, tokenizer_config.json, vocab.txt, special_tokens_map.json) from `tokenizer_from` where they exist.
/// ("" for none). Every file is written atomically, config.json last. Creates `folder`. A config without labels gets
/// the one label "LABEL_0". Throws ContractError for tensors of another type or a classifier without a row for each
/// label.
void write_model_dir(const std::filesystem::path& folder, const ModelConfig& config, std::vector<TensorToWrite> tensors,
                     const std::filesystem::path& tokenizer_from);

}  // namespace nxm
