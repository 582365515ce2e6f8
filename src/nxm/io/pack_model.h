// SPDX-License-Identifier: Apache-2.0
#pragma once
// A whole model directory packed, and back. Not which pattern it has.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nxm/core/pattern.h"
#include "nxm/io/model_dir.h"

namespace nxm {

struct PackedLayer {
  std::string name;  ///< of the weight
  int64_t rows = 0, cols = 0;
  uint64_t bytes_before = 0, bytes = 0;  ///< as stored
  double largest_error = 0;              ///< of a weight

  [[nodiscard]] double bits_per_weight() const {
    return 8 * static_cast<double>(bytes) / static_cast<double>(rows * cols);
  }
};

/// Writes a copy of `dir` to `to` in which all weights of sparsified_names() are packed. Of the other tensors the
/// embedding tables become BF16 if `dtype` is narrower than F32, the rest is F32. With `force` the model files in `to`
/// are replaced, once the new ones are on disk. Throws Error if a layer is not in the pattern or cannot be stored in
/// `dtype`, before anything is written; if `to` is a file, not empty (without `force`), `dir` itself or in it.
std::vector<PackedLayer> pack_model_dir(const ModelDir& dir, const Pattern& pattern, DType dtype,
                                        const std::filesystem::path& to, bool force);

/// The inverse: F32, with exact zeros; `dir` must be packed, else Error. Errors of `to` as above. Packing in F32 and
/// this give the bytes of an F32 model back, but for pruned zeros that were -0.
std::vector<PackedLayer> unpack_model_dir(const ModelDir& dir, const std::filesystem::path& to, bool force);

}  // namespace nxm
