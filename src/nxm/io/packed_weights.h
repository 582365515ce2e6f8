// SPDX-License-Identifier: Apache-2.0
#pragma once
// Packed N:M weights in a model directory: the tensors that stand for one dense weight. Layout in docs/formats.md.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/packed.h"
#include "nxm/io/model_dir.h"
#include "nxm/io/packed_info.h"

namespace nxm {

/// A tensor that holds a part of a packed weight.
struct PackedPart {
  std::string name;  ///< "….nm_values", "….nm_indices", "….nm_scales"
  DType dtype;
  std::vector<int64_t> shape;
};

/// The parts of `weight` ("….weight") of shape (rows, cols), in the order above; scales for I8 only. Throws Error if
/// the pattern does not fit the shape.
std::vector<PackedPart> packed_parts(const PackedInfo& info, std::string_view weight, int64_t rows, int64_t cols);

/// "….weight" for the name of a part; none for other tensors.
std::optional<std::string> weight_of_part(std::string_view tensor);

/// Reads and checks one packed weight, `name` as in PackedInfo::layers; `info` is that of `dir`. Throws Error as core's
/// check() does.
Packed read_packed(const ModelDir& dir, const PackedInfo& info, const std::string& name);

}  // namespace nxm
