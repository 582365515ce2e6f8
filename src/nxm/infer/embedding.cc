// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/embedding.h"

#include <algorithm>
#include <array>

#include "nxm/core/error.h"

namespace nxm {
namespace {

const std::string kWords = "bert.embeddings.word_embeddings.weight";

}  // namespace

Embedding::Embedding(const LayerReader& reader)
    : hidden_(reader.config().hidden_size),
      type_(reader.check_shape(kWords).dtype),
      words_(reader.dir().piece(kWords)),
      positions_(reader.tensor("bert.embeddings.position_embeddings.weight")),
      types_(reader.tensor("bert.embeddings.token_type_embeddings.weight")),
      where_(reader.dir().folder().string()) {
  if (!is_float(type_)) {
    fail(where_, "tensor '{}': expected floating point, found {}. Fetch the model again", kWords, name_of(type_));
  }
}

void Embedding::sum(const Batch& batch, int64_t begin, int64_t end, float* out) const {
  const auto width = static_cast<size_t>(hidden_);
  const size_t size = size_of(type_);
  std::array<std::byte, 4096> stored;
  for (int64_t r = begin; r < end; ++r) {
    float* x = out + (r - begin) * hidden_;
    const auto row = static_cast<uint64_t>(batch.ids[r]) * width;
    for (size_t i = 0; i < width; i += stored.size() / size) {
      const size_t n = std::min(width - i, stored.size() / size);
      words_.read_at((row + i) * size, std::span(stored).first(n * size));
      to_f32(type_, std::span(stored).first(n * size), {x + i, n});
    }
    const float* position = positions_.data() + batch.positions[r] * hidden_;
    const float* type = types_.data() + batch.type_ids[r] * hidden_;
    if (!all_finite({x, width})) {
      fail(where_, "tensor '{}' holds NaN or infinite values in row {}: it is damaged. Fetch or train the model again",
           kWords, batch.ids[r]);
    }
    for (size_t i = 0; i < width; ++i) x[i] += type[i] + position[i];
  }
}

size_t Embedding::bytes() const { return words_.bytes() + (positions_.size() + types_.size()) * sizeof(float); }

}  // namespace nxm
