// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/engine.h"
#include "nxm/train/classifier.h"

namespace nxm::cli {
namespace {

class TorchEngine : public Engine {
 public:
  TorchEngine(Classifier model, Tokenizer tokenizer) : model_(std::move(model)), tokenizer_(std::move(tokenizer)) {}
  [[nodiscard]] const ModelConfig& config() const override { return model_.config(); }
  [[nodiscard]] const Tokenizer& tokenizer() const override { return tokenizer_; }
  [[nodiscard]] std::vector<float> logits(const Dataset& data, int64_t batch) const override {
    return model_.logits(data, batch);
  }

 private:
  Classifier model_;
  Tokenizer tokenizer_;
};

}  // namespace

std::unique_ptr<Engine> load_torch_engine(const std::filesystem::path& folder, const RunOptions& options) {
  const std::string precision = options.precision == "f32" ? "fp32" : options.precision;
  return std::make_unique<TorchEngine>(Classifier::load(folder, options.device, precision, options.threads),
                                       Tokenizer::load(folder));
}

}  // namespace nxm::cli
