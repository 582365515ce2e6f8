// SPDX-License-Identifier: Apache-2.0
#pragma once
// Model directories with random weights, for measuring: how fast a model is does not depend on what it has learnt.

#include <filesystem>
#include <optional>
#include <string_view>

#include "nxm/core/pattern.h"
#include "nxm/io/model_config.h"

namespace nxm::cli {

/// "minilm" or "bert-base"; throws UsageError for another word.
ModelConfig random_model_config(std::string_view shape);

/// A classifier of two labels in the shape of "minilm" (6 layers of 384) or "bert-base" (12 of 768), its layers in
/// `pattern`, with a vocabulary of meaningless words. Loads in transformers. The same weights each time. Throws
/// UsageError for another shape, Error if `pattern` does not fit or the folder holds anything.
void write_random_model(const std::filesystem::path& folder, std::string_view shape,
                        const std::optional<Pattern>& pattern);

}  // namespace nxm::cli
