// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writes what ModelDir reads: a model directory in Hugging Face layout.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "nxm/io/model_config.h"
#include "nxm/io/safetensors.h"

namespace nxm {

/// Bytes of tensors in one file. A larger model comes as shards "model-00001-of-00002.safetensors", filled in the
/// tensors' order, with an index; a tensor of more bytes has a shard of its own. 5 GB is transformers' own limit.
inline constexpr uint64_t kShardBytes = 5'000'000'000;

/// Writes config.json, model.safetensors or shards (metadata {"format": "pt"}; F32) and copies the tokenizer files
/// (tokenizer.json, tokenizer_config.json, vocab.txt, special_tokens_map.json) from `tokenizer_from` where they exist
/// ("" for none). Every file is written atomically, config.json last. Creates `folder`. A config without labels gets
/// the one label "LABEL_0", that of a packed model keeps the pattern alone. Throws ContractError for tensors of another
/// type or a classifier without a row for each label.
void write_model_dir(const std::filesystem::path& folder, const ModelConfig& config, std::vector<TensorToWrite> tensors,
                     const std::filesystem::path& tokenizer_from, uint64_t shard_bytes = kShardBytes);

/// The same for tensors of any type, with the config as it is.
void write_model_files(const std::filesystem::path& folder, const ModelConfig& config,
                       std::vector<TensorToWrite> tensors, const std::filesystem::path& tokenizer_from,
                       uint64_t shard_bytes = kShardBytes);

/// Moves what write_model_files() wrote from one folder to another of the same file system, in place of a model that is
/// there. At no moment does `to` hold a config.json with another model's files.
void replace_model_files(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace nxm
