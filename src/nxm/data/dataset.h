// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokenised examples, and batches of them without padding.

#include <cstdint>
#include <span>
#include <vector>

#include "nxm/core/rng.h"
#include "nxm/core/thread_pool.h"
#include "nxm/data/reader.h"
#include "nxm/text/tokenizer.h"

namespace nxm {

/// Tokens of an example, special ones included, where nobody says: GLUE's usual cut, and a stage's default.
inline constexpr int64_t kUsualLength = 128;

/// All examples of a split, tokens end to end. Example i owns tokens [begin[i], begin[i + 1]).
struct Dataset {
  std::vector<int32_t> ids{};
  std::vector<int32_t> type_ids{};
  std::vector<int64_t> begin{0};
  std::vector<float> labels{};
  int64_t truncated = 0;  ///< examples that lost tokens

  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(begin.size()) - 1; }
  [[nodiscard]] int64_t length(int64_t i) const { return begin[i + 1] - begin[i]; }
};

Dataset tokenize(const Examples& examples, const Tokenizer& tokenizer, size_t max_length, ThreadPool* pool = nullptr);

/// B sequences with R tokens in all, end to end, ordered by length (equal lengths are neighbours).
struct Batch {
  std::vector<int64_t> examples;     ///< (B) indices into the dataset
  std::vector<int64_t> ids{};        ///< (R)
  std::vector<int64_t> type_ids{};   ///< (R)
  std::vector<int64_t> positions{};  ///< (R) 0 … length-1 in each sequence
  std::vector<int64_t> begin{0};     ///< (B + 1)
  std::vector<float> labels{};       ///< (B)
  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(examples.size()); }
  [[nodiscard]] int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
};

/// `examples` in any order; the batch sorts them by length (ties: by index).
Batch make_batch(const Dataset& data, std::span<const int64_t> examples);

/// Which examples form the batches of an epoch. Training: shuffled by (seed, epoch), then chunks of kChunkBatches
/// batches are sorted by length and cut, and the batches shuffled; each example once; only the last batch may be short.
/// The order is a pure function of (dataset lengths, batch, seed, epoch), so (epoch, batch number) is all that a resume
/// needs.
class Sampler {
 public:
  static constexpr int64_t kChunkBatches = 32;  // wide enough for near-equal lengths, narrow enough to stay random
  Sampler(const Dataset& data, int64_t batch, uint64_t seed);
  /// Batches of an epoch, the same for every epoch.
  [[nodiscard]] int64_t batches() const;
  /// The example indices of each batch of `epoch`.
  [[nodiscard]] std::vector<std::vector<int64_t>> epoch(int64_t epoch) const;

 private:
  const Dataset* data_;
  int64_t batch_;
  uint64_t seed_;
};

/// Evaluation order: all examples, longest first, `batch` at a time.
std::vector<std::vector<int64_t>> evaluation_batches(const Dataset& data, int64_t batch);

}  // namespace nxm
