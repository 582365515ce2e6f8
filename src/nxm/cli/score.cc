// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/score.h"

#include <fmt/format.h>

#include <cstdio>

#include "nxm/core/thread_pool.h"
#include "nxm/data/answer.h"
#include "nxm/data/label_map.h"
#include "nxm/infer/session.h"

namespace nxm::cli {

std::vector<float> predictions_of(const Engine& model, const Task& task, const Dataset& data, int64_t batch,
                                  const std::string& where) {
  const LabelMap map = map_labels(task, model.config().labels, where);
  if (!map.note.empty()) fmt::print(stderr, "{}\n", map.note);
  std::vector<float> predictions = predictions_from_logits(task, model.logits(data, batch));
  if (task.kind == TaskKind::kClassification) {
    for (float& id : predictions) id = static_cast<float>(map.task_class[static_cast<size_t>(id)]);
  }
  return predictions;
}

Scores score_model(const std::filesystem::path& folder, const Task& task, const Examples& examples, int64_t max_length,
                   const RunOptions& options) {
  ThreadPool pool(options.threads > 0 ? options.threads : available_threads());
  const auto model = load_engine(folder, options);
  const auto length = static_cast<size_t>(length_for(model->config(), max_length));
  const Dataset data = tokenize(examples, model->tokenizer(), length, &pool);
  return compute_scores(task.metrics, predictions_of(*model, task, data, options.batch, folder.string()), data.labels);
}

}  // namespace nxm::cli
