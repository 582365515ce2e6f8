// SPDX-License-Identifier: Apache-2.0
#pragma once
// What N:M patterns the layers of a model hold. For `inspect`, and for `pack`, which needs one that all hold.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nxm/core/pattern.h"
#include "nxm/io/model_dir.h"

namespace nxm::cli {

struct InspectedLayer {
  std::string name;
  int64_t rows = 0;
  int64_t cols = 0;
  uint64_t bytes = 0;  ///< as stored
  int64_t non_zero = 0;
  std::vector<std::optional<int64_t>> bad_groups;  ///< by pattern looked for; none where its group does not fit

  [[nodiscard]] double density() const { return static_cast<double>(non_zero) / static_cast<double>(rows * cols); }
  [[nodiscard]] bool holds(size_t pattern) const { return bad_groups[pattern] == 0; }
  /// A matrix of zeros satisfies everything and so says nothing.
  [[nodiscard]] bool shows(size_t pattern) const { return holds(pattern) && non_zero > 0; }
};

struct Inspection {
  std::vector<InspectedLayer> layers;
  std::vector<Pattern> patterns;
  std::optional<size_t> pattern;  ///< the one in question
  uint64_t bytes = 0;             ///< of the weight files

  [[nodiscard]] std::string pattern_text() const { return pattern ? patterns[*pattern].str() : ""; }
  [[nodiscard]] bool holds(const InspectedLayer& layer) const { return pattern && layer.holds(*pattern); }
  [[nodiscard]] int64_t bad_layers() const;
  [[nodiscard]] double density() const;
};

/// Looks at the layers that nxm makes sparse. The pattern in question is `named`, else the one that most layers show of
/// a few usual ones, the sparsest of equals; none if no layer shows any. Throws Error if `named` does not fit a layer.
Inspection inspect(const ModelDir& model, const std::optional<Pattern>& named);

struct DamagedTensor {
  std::string name;
  int64_t not_finite = 0;  ///< how many of its values are NaN or infinite
};

/// The tensors of floats, of all that the model holds, that hold a NaN or an infinity; by name.
std::vector<DamagedTensor> damaged_tensors(const ModelDir& model);

}  // namespace nxm::cli
