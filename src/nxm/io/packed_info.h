// SPDX-License-Identifier: Apache-2.0
#pragma once
// What config.json says of packed N:M weights, under "nxm". Not the weights themselves (packed_weights.h).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/dtype.h"
#include "nxm/core/pattern.h"
#include "nxm/io/model_config.h"

namespace nxm {

/// {"version": 1, "pattern": "2:4", "precision": "int8", "layers": ["bert.encoder.layer.0.….query.weight", …]}.
struct PackedInfo {
  int version = 1;
  Pattern pattern;
  DType dtype = DType::kF32;        ///< of the values
  std::vector<std::string> layers;  ///< canonical names of weights, each once

  [[nodiscard]] Json to_json() const;
};

/// From config.extra; none if there is no "nxm" or only a "pattern" in it, the claim of a model that is stored dense.
/// Throws Error at the JSON path: another version (says what this build reads), unknown keys, a pattern or precision
/// that is none, no layers, a name that stands twice or is not a layer that nxm makes sparse.
std::optional<PackedInfo> packed_info(const ModelConfig& config, std::string_view where);

/// The pattern that config.json claims ("nxm": {"pattern": "2:4"}), of packed weights or dense ones; none if it does
/// not. Throws Error for a word that is no pattern.
std::optional<Pattern> claimed_pattern(const ModelConfig& config);

/// F32 "f32", BF16 "bf16", F16 "f16", I8 "int8"; none for other words. precision_word: ContractError for other types.
std::optional<DType> parse_precision_word(std::string_view word);
std::string_view precision_word(DType dtype);

}  // namespace nxm
