// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packed N:M weights in a model directory: which layers config.json's "nxm" names, and their tensors in the safetensors
// files. Layout in docs/formats.md.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nxm/core/packed.h"
#include "nxm/io/model_config.h"
#include "nxm/io/model_dir.h"

namespace nxm {

/// config.json's "nxm": {"version": 1, "pattern": "2:4", "precision": "int8", "layers": ["bert.encoder.…query", …]}.
struct PackedInfo {
  int version = 1;
  Pattern pattern;
  DType dtype = DType::kF32;
  std::vector<std::string> layers;  ///< canonical names of weights: "bert.encoder.layer.0.….query.weight"
};

/// From config.extra; none if the directory is not packed. Throws Error at the JSON path: another version (says what
/// this build reads), unknown keys, bad pattern, unknown precision, a name twice or not one of the model's layers.
std::optional<PackedInfo> packed_info(const ModelConfig& config, std::string_view where);

/// Reads and checks one packed weight, `name` as in PackedInfo::layers. Throws Error as core's check() does, and for
/// missing tensors, wrong dtypes and shapes.
Packed read_packed(const ModelDir& dir, const PackedInfo& info, const std::string& name);

/// Packs every weight of `dir` that satisfies `pattern` (linear layers of the encoder) and writes a model directory.
/// Other tensors: F32, or BF16 where dtype is BF16, F16 or I8 and the tensor is an embedding table. Atomically, as
/// write_model_dir does. Throws Error if a layer is not in the pattern (names it), or `to` exists and is not empty.
PackedInfo pack_model_dir(const ModelDir& dir, const Pattern& pattern, DType dtype, const std::filesystem::path& to);
/// The inverse: a plain model directory in F32 with exact zeros.
void unpack_model_dir(const ModelDir& dir, const std::filesystem::path& to);

}  // namespace nxm
