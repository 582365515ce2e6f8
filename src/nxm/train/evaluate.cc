// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/evaluate.h"

#include <algorithm>

#include "nxm/data/answer.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

constexpr int64_t kEvaluationBatch = 32;  // of like lengths: enough rows for full matmul speed, small in memory

}  // namespace

std::vector<float> batch_logits(const Bert& model, const Batch& batch, const Compute& compute) {
  at::NoGradGuard no_gradient;
  AutocastScope autocast(compute);
  const at::Tensor logits = on_cpu(model.forward(to_device(batch, compute.device), /*training=*/false));
  const float* data = logits.const_data_ptr<float>();
  return {data, data + logits.numel()};
}

std::vector<float> dataset_logits(const Bert& model, const Dataset& data, int64_t batch, const Compute& compute,
                                  const std::function<void(int64_t)>& progress) {
  std::vector<float> all;
  int64_t done = 0;
  for (const auto& examples : evaluation_batches(data, batch)) {
    const Batch part = make_batch(data, examples);
    const std::vector<float> logits = batch_logits(model, part, compute);
    const size_t width = logits.size() / examples.size();
    all.resize(static_cast<size_t>(data.size()) * width);
    for (size_t i = 0; i < part.examples.size(); ++i) {
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(i * width), width,
                  all.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(part.examples[i]) * width));
    }
    done += part.size();
    if (progress) progress(done);
  }
  return all;
}

Scores evaluate(const Bert& model, const Dataset& data, const Task& task, const Compute& compute,
                const std::function<void(int64_t)>& progress) {
  const std::vector<float> logits = dataset_logits(model, data, kEvaluationBatch, compute, progress);
  return compute_scores(task.metrics, predictions_from_logits(task, logits), data.labels);
}

}  // namespace nxm
