// SPDX-License-Identifier: Apache-2.0
#pragma once
// Some sequences of a batch on their way through the encoder: where their activations lie, and which layer is next.

#include <cstddef>
#include <cstdint>
#include <span>

#include "nxm/infer/encoder.h"

namespace nxm {

class Encoder::Pass {
 public:
  /// Sequences [first, last) of the batch. Adds to `seconds`.
  Pass(const Encoder& encoder, const Batch& batch, int64_t first, int64_t last, Workspace& workspace, ThreadPool& pool,
       std::span<double> seconds);
  void run(float* logits);

 private:
  void embed();
  void encode_all();                // a layer for all rows
  void encode_first();              // the last layer, for the first row of each sequence: x_ (R, H) becomes (B, H)
  void finish_layer(int64_t rows);  // all that comes after attention

  /// The next layer: y (rows, O) = x W^T + bias.
  void linear(const float* x, float* y, int64_t rows, bool gelu = false);
  /// The next LayerNorm: x_ <- LayerNorm(x_ + residual).
  void add_norm(const float* residual, int64_t rows);
  void activate(int64_t n);  // wide_
  /// Calls body(sequence, head, scratch) for all of them, split over the pool.
  template <typename Body>
  void for_each_head(const Body& body);
  [[nodiscard]] int64_t sequences() const { return last_ - first_; }
  [[nodiscard]] int64_t tokens() const { return begin(sequences()); }
  /// The first row of a sequence, the first of the pass being 0.
  [[nodiscard]] int64_t begin(int64_t sequence) const { return batch_.begin[first_ + sequence] - batch_.begin[first_]; }
  [[nodiscard]] int64_t length(int64_t sequence) const { return begin(sequence + 1) - begin(sequence); }

  const Encoder& encoder_;
  const Batch& batch_;
  int64_t first_, last_;
  ThreadPool& pool_;
  std::span<double> seconds_;
  int64_t head_;              // width of a head
  int64_t attention_floats_;  // scratch of a thread
  size_t layer_ = 0, norm_ = 0;

  float* x_ = nullptr;        // (R, H)
  float* wide_ = nullptr;     // (R, max(3 H, intermediate)): queries, keys and values; then the feed-forward block
  float* context_ = nullptr;  // (R, H) what attention gathers
  float* update_ = nullptr;   // (R, H) what is added to x_
  float* attention_scratch_ = nullptr;
  std::byte* linear_scratch_ = nullptr;
};

}  // namespace nxm
