// SPDX-License-Identifier: Apache-2.0
#pragma once
// The sum of word, position and type embedding of each token. Not the LayerNorm behind it (encoder.h).

#include <cstddef>
#include <string>
#include <vector>

#include "nxm/core/dtype.h"
#include "nxm/data/dataset.h"
#include "nxm/infer/layer.h"
#include "nxm/io/file_piece.h"

namespace nxm {

/// The word table is a third to a half of a small model, and a batch reads few of its rows: it stays in the file.
class Embedding {
 public:
  explicit Embedding(const LayerReader& reader);

  /// out (end - begin, H) <- the sums for rows [begin, end) of the batch. Throws Error if the file was cut short,
  /// or a word's row is not finite.
  void sum(const Batch& batch, int64_t begin, int64_t end, float* out) const;
  [[nodiscard]] size_t bytes() const;

 private:
  int64_t hidden_;
  DType type_;
  FilePiece words_;
  std::vector<float> positions_, types_;
  std::string where_;
};

}  // namespace nxm
