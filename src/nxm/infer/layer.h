// SPDX-License-Identifier: Apache-2.0
#pragma once
// One linear layer, read from a model directory and laid out for the kernel chosen for it.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nxm/io/model_dir.h"
#include "nxm/io/packed_weights.h"
#include "nxm/kernels/linear.h"

namespace nxm {

/// What a layer is and runs on, for people.
struct LayerInfo {
  std::string name;     ///< "bert.encoder.layer.0.attention.self.query+key+value"
  std::string pattern;  ///< "2:4", or "dense"
  std::string kernel;   ///< "nm_f32_avx2"
  std::string why;      ///< why this kernel
};

struct Layer {
  LayerInfo info;
  std::unique_ptr<Linear> linear;
  int64_t inputs = 0;
  std::vector<float> bias;  ///< (O)
  [[nodiscard]] int64_t outputs() const { return static_cast<int64_t>(bias.size()); }
};

/// Layers that are run as one, their rows end to end: "<at>query" and "<at>key" for {at, {"query", "key"}}.
struct LayerParts {
  std::string at;  ///< "bert.encoder.layer.0.attention.self."
  std::vector<std::string> parts;
  Precision precision = Precision::kF32;
};

/// Reads layers of one directory; safe to call from several threads at once. Must not outlive what it is given.
class LayerReader {
 public:
  /// `config`: the directory's, with a label for each output. `dense`: every layer is run dense.
  LayerReader(const ModelDir& dir, const ModelConfig& config, Target target, bool dense);

  [[nodiscard]] const ModelDir& dir() const { return dir_; }
  [[nodiscard]] const ModelConfig& config() const { return config_; }
  [[nodiscard]] Target target() const { return target_; }

  /// Parts that are all packed stay packed. Others become one dense f32 matrix; if that keeps the pattern that
  /// config.json claims, or a usual one, it is run in it, of several in the first that has a kernel here. Throws Error
  /// for tensors that are missing, misshapen or not finite.
  [[nodiscard]] Layer linear(const LayerParts& layer) const;
  /// A tensor in f32. Throws Error as check_shape does, and for values that are not finite.
  [[nodiscard]] std::vector<float> tensor(const std::string& name) const;
  /// Throws Error unless the directory holds the tensor in the shape that the configuration gives it.
  const TensorInfo& check_shape(const std::string& name) const;

 private:
  /// The pattern that a weight keeps, and the one to run it in; both or none.
  struct Found {
    std::optional<Pattern> kept, run;
  };
  [[nodiscard]] Found find_pattern(MatrixView<const float> weight, Precision precision) const;
  [[nodiscard]] bool is_packed(const std::string& weight) const;
  [[nodiscard]] Packed packed_rows(const std::vector<std::string>& weights) const;
  [[nodiscard]] std::vector<float> dense_rows(const std::vector<std::string>& weights) const;

  const ModelDir& dir_;
  const ModelConfig& config_;
  std::map<std::string, std::vector<int64_t>> shapes_;
  std::vector<Pattern> patterns_;  // that are looked for, in this order
  Target target_;
  bool dense_;
};

}  // namespace nxm
