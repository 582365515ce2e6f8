// SPDX-License-Identifier: Apache-2.0
#pragma once
// The BERT encoder with its classification head, forward only, on concatenated sequences without padding. Knows no text
// (session.h).

#include <span>
#include <vector>

#include "nxm/core/thread_pool.h"
#include "nxm/data/dataset.h"
#include "nxm/infer/activation.h"
#include "nxm/infer/embedding.h"
#include "nxm/infer/layer.h"
#include "nxm/infer/workspace.h"
#include "nxm/kernels/ops.h"

namespace nxm {

class Encoder {
 public:
  /// `precision`: of the layers that nxm makes sparse; pooler and classifier, of a few rows, are f32. Reads the layers
  /// in parallel.
  Encoder(const LayerReader& reader, Precision precision, ThreadPool& pool);

  /// logits (B, outputs) = W_c tanh(W_p h_[CLS]). `batch` has been checked: B >= 1, no empty sequence, every id in its
  /// table. A sequence's logits depend on the rest of the batch only by rounding. No allocation once `workspace` has
  /// seen a batch as large. Takes some sequences at a time, so that what lies between two layers stays in the cache.
  /// `seconds`, unless empty, gets the time of each of layers().
  void run(const Batch& batch, std::span<float> logits, Workspace& workspace, ThreadPool& pool,
           std::span<double> seconds = {}) const;

  /// In the order in which they run.
  [[nodiscard]] std::span<const Layer> layers() const { return layers_; }
  [[nodiscard]] int64_t outputs() const { return layers_.back().outputs(); }
  [[nodiscard]] size_t weight_bytes() const;

 private:
  struct Norm {
    std::vector<float> weight, bias;
  };
  class Pass;

  int64_t hidden_, intermediate_, heads_, depth_;
  float eps_;
  Activation activation_;
  const Ops* ops_;
  decltype(Ops::attention) attention_;
  Embedding embedding_;
  std::vector<Layer> layers_;
  std::vector<Norm> norms_;  // of the embeddings, then two a layer
};

}  // namespace nxm
