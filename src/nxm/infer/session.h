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
#include "nxm/infer/layer.h"
#include "nxm/io/model_config.h"
#include "nxm/kernels/linear.h"
#include "nxm/text/tokenizer.h"

namespace nxm {

/// Tokens that a text is cut to: `given`, or for 0 kUsualLength, or the model's positions if those are fewer. Throws
/// UsageError for fewer than 4 and for more than the positions.
int64_t length_for(const ModelConfig& config, int64_t given);

struct SessionOptions {
  int threads = 0;                     ///< 0: as many as the process may use
  std::optional<Precision> precision;  ///< default: that of the directory (f32 unless it is packed as bf16 or int8)
  bool dense = false;                  ///< run every layer dense (to compare)
  bool pin = false;                    ///< each thread but the caller's stays on a processor of its own
  int64_t max_length = 0;              ///< tokens to which predict() cuts, as length_for() has it
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
  /// Throws Error for a directory that is not a classifier of the BERT family, is damaged, holds no head or no
  /// tokenizer, or whose config.json, weights and tokenizer are not of one model, and if it needs more memory
  /// than is free; UsageError for options out of range. The word table stays in its file (io/
  /// file_piece.h): put another model in its place by renaming, never by writing over it.
  static Session load(const std::filesystem::path& folder, const SessionOptions& options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// With a label for each output, "LABEL_0", … if the directory names none.
  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] const Tokenizer& tokenizer() const;
  [[nodiscard]] int64_t outputs() const;
  [[nodiscard]] Precision precision() const;
  [[nodiscard]] int threads() const;
  [[nodiscard]] Target target() const;
  [[nodiscard]] std::vector<LayerInfo> layers() const;  ///< linear layers, in the order in which they run
  [[nodiscard]] size_t weight_bytes() const;            ///< resident memory of all weights

  /// Answers in the order of `texts`, `batch` texts of like length at a time; a text longer than
  /// SessionOptions::max_length is cut. Throws Error if a logit is not finite, and for a pair if the model knows one
  /// type of token only.
  [[nodiscard]] std::vector<Prediction> predict(std::span<const Text> texts, int64_t batch = 32) const;
  [[nodiscard]] Prediction predict(std::string_view text) const;

  /// Logits (B, outputs) of one unpadded batch. After the first call of a size no larger one allocates but the result.
  /// `layer_seconds`, if given, (layers()) gets the time that each layer took. Throws Error as predict() does,
  /// ContractError for an empty sequence, an id beyond the vocabulary or a position beyond the model's.
  [[nodiscard]] std::vector<float> logits(const Batch& batch, std::span<double> layer_seconds = {}) const;
  /// Logits (N, outputs) in the dataset's order. `progress(done_examples)` may be empty.
  [[nodiscard]] std::vector<float> logits(const Dataset& data, int64_t batch,
                                          const std::function<void(int64_t)>& progress = {}) const;

 private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace nxm
