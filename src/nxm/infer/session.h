// SPDX-License-Identifier: Apache-2.0
#pragma once
// A model directory, ready to answer: no LibTorch, no Python. The one header that an application needs.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/data/dataset.h"
#include "nxm/io/model_config.h"
#include "nxm/kernels/linear.h"

namespace nxm {

struct SessionOptions {
  int threads = 0;                     ///< 0: as many as the process may use
  std::optional<Precision> precision;  ///< default: that of the directory (f32 unless it is packed as bf16 or int8)
  bool dense = false;                  ///< run every layer dense (to compare)
};

/// What a session says about one linear layer.
struct LayerInfo {
  std::string name;    ///< "bert.encoder.layer.0.attention.qkv"
  std::string pattern;  ///< "2:4", or "dense"
  std::string kernel;
  std::string why;
};

/// One text, or a pair.
struct Text {
  std::string_view a;
  std::optional<std::string_view> b;
};

struct Prediction {
  std::string label;          ///< of the largest logit; "" for regression
  double score = 0;           ///< its probability; for regression the value
  std::vector<float> logits;  ///< (labels)
};

/// Any number of sessions may live in a process. One session may be called from several threads at once: calls take
/// turns for its thread pool.
class Session {
 public:
  /// Throws Error for a directory that is not a classifier of the BERT family, is damaged, or holds no head.
  static Session load(const std::filesystem::path& folder, const SessionOptions& options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] int64_t outputs() const;
  [[nodiscard]] Precision precision() const;
  [[nodiscard]] int threads() const;
  [[nodiscard]] Target target() const;
  [[nodiscard]] std::vector<LayerInfo> layers() const;
  [[nodiscard]] size_t weight_bytes() const;  ///< resident memory of all weights

  /// Answers in the order of `texts`; longer texts than the model's positions are cut as the tokenizer says.
  [[nodiscard]] std::vector<Prediction> predict(std::span<const Text> texts, int64_t batch = 32) const;
  [[nodiscard]] Prediction predict(std::string_view text) const;

  /// Logits (B, outputs) of one unpadded batch. After the first call of a size no larger one allocates nothing but the
  /// result.
  [[nodiscard]] std::vector<float> logits(const Batch& batch) const;
  /// Logits (N, outputs) in the dataset's order. `progress(done_examples)` may be empty.
  [[nodiscard]] std::vector<float> logits(const Dataset& data, int64_t batch,
                                          const std::function<void(int64_t)>& progress = {}) const;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nxm
