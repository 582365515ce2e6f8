// SPDX-License-Identifier: Apache-2.0
#pragma once
// What answers for `eval` and `predict`: nxm's own runtime, or LibTorch where this build has it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/cli/options.h"
#include "nxm/data/dataset.h"
#include "nxm/io/model_config.h"
#include "nxm/kernels/linear.h"

namespace nxm::cli {

class Engine {
 public:
  virtual ~Engine() = default;
  [[nodiscard]] virtual const ModelConfig& config() const = 0;
  [[nodiscard]] virtual const Tokenizer& tokenizer() const = 0;
  /// (N, labels), in the dataset's order.
  [[nodiscard]] virtual std::vector<float> logits(const Dataset& data, int64_t batch) const = 0;
};

/// As the options say. Throws UsageError for what the engine cannot do. With `pin` the calling thread is pinned too,
/// and with it every thread that it starts from then on: start others before.
std::unique_ptr<Engine> load_engine(const std::filesystem::path& folder, const RunOptions& options);
std::unique_ptr<Engine> load_torch_engine(const std::filesystem::path& folder, const RunOptions& options);

/// "f32" (or "fp32"), "bf16", "int8"; none for "auto". Throws UsageError for other words.
std::optional<Precision> parse_precision(std::string_view word);

}  // namespace nxm::cli
