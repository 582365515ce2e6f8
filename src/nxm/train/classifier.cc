// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/classifier.h"

#include "nxm/core/error.h"
#include "nxm/io/model_dir.h"
#include "nxm/train/evaluate.h"
#include "nxm/train/weights.h"

namespace nxm {

struct Classifier::Impl {
  Compute compute;
  Bert model;
};

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::~Classifier() = default;
Classifier::Classifier(Classifier&&) noexcept = default;

Classifier Classifier::load(const std::filesystem::path& folder, const std::string& device,
                            const std::string& precision, int threads) {
  const ModelDir directory(folder);
  if (!directory.has("classifier.weight")) {
    fail(folder.string(),
         "the model has no classification head ('classifier.weight'). Fine-tune it first: nxm finetune");
  }
  const Compute compute = choose_compute(device, precision, threads);
  ModelConfig config = directory.config();
  if (config.labels.empty()) {
    for (int64_t i = 0; i < directory.info("classifier.weight").shape.at(0); ++i) {
      config.labels.push_back(fmt::format("LABEL_{}", i));
    }
  }
  auto impl = std::make_unique<Impl>(Impl{compute, Bert(config, compute.device)});
  const auto made = load_weights(impl->model, directory, /*seed=*/0);
  if (!made.empty()) {
    fail(folder.string(), "tensor '{}' is missing or does not fit the {} label(s) of config.json", made.front(),
         config.labels.size());
  }
  return Classifier(std::move(impl));
}

const ModelConfig& Classifier::config() const { return impl_->model.config(); }
int64_t Classifier::outputs() const { return static_cast<int64_t>(config().labels.size()); }

std::vector<float> Classifier::logits(const Batch& batch) const {
  return batch_logits(impl_->model, batch, impl_->compute);
}

std::vector<float> Classifier::logits(const Dataset& data, int64_t batch,
                                      const std::function<void(int64_t)>& progress) const {
  return dataset_logits(impl_->model, data, batch, impl_->compute, progress);
}

}  // namespace nxm
