// SPDX-License-Identifier: Apache-2.0
#pragma once
// A trained model ready to answer, run through LibTorch without gradients. No torch type in this header.

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nxm/data/dataset.h"
#include "nxm/data/task.h"
#include "nxm/io/model_config.h"
#include "nxm/metrics/metrics.h"

namespace nxm {

class Classifier {
 public:
  /// device "auto|cpu|cuda[:i]", precision "auto|fp32|bf16", threads 0 = all allowed. Throws Error if the directory has
  /// no head.
  static Classifier load(const std::filesystem::path& folder, const std::string& device, const std::string& precision,
                         int threads);
  ~Classifier();
  Classifier(Classifier&&) noexcept;

  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] int64_t outputs() const;
  /// Logits (B, outputs), row-major, row i for batch.examples[i].
  [[nodiscard]] std::vector<float> logits(const Batch& batch) const;
  /// Logits (N, outputs) of all examples, in the dataset's order. `progress(done_examples)` may be empty.
  [[nodiscard]] std::vector<float> logits(const Dataset& data, int64_t batch,
                                          const std::function<void(int64_t)>& progress = {}) const;

 private:
  struct Impl;
  explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Class ids (argmax, first of equals) or values, from logits (N, outputs). Throws Error if one is not finite.
std::vector<float> predictions_from_logits(const Task& task, std::span<const float> logits);

}  // namespace nxm
