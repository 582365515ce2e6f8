// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/engine.h"

#include "nxm/core/error.h"
#include "nxm/infer/session.h"

namespace nxm::cli {
namespace {

class NxmEngine : public Engine {
 public:
  explicit NxmEngine(Session session) : session_(std::move(session)) {}
  [[nodiscard]] const ModelConfig& config() const override { return session_.config(); }
  [[nodiscard]] const Tokenizer& tokenizer() const override { return session_.tokenizer(); }
  [[nodiscard]] std::vector<float> logits(const Dataset& data, int64_t batch) const override {
    return session_.logits(data, batch);
  }

 private:
  Session session_;
};

}  // namespace

std::optional<Precision> parse_precision(std::string_view word) {
  if (word == "auto") return std::nullopt;
  if (word == "fp32") return Precision::kF32;
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
    if (word == name_of(precision)) return precision;
  }
  fail_usage("precision", "expected auto, f32, bf16 or int8, got '{}'", word);
}

std::unique_ptr<Engine> load_engine(const std::filesystem::path& folder, const RunOptions& options) {
  if (options.engine == "torch") return load_torch_engine(folder, options);
  if (options.device != "auto" && options.device != "cpu") {
    fail_usage("device", "nxm's engine runs on the CPU, not on '{}'; add --engine torch", options.device);
  }
  Session session = Session::load(
      folder, {.threads = options.threads, .precision = parse_precision(options.precision), .pin = options.pin});
  if (options.pin) pin_this_thread(0);
  return std::make_unique<NxmEngine>(std::move(session));
}

}  // namespace nxm::cli
