// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/answer.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/error.h"

namespace nxm {

Answer answer_of(std::span<const float> logits, std::span<const std::string> labels, std::string_view where) {
  require(!logits.empty() && logits.size() == labels.size(), "answer_of: a label for each logit");
  for (const float logit : logits) {
    if (!std::isfinite(logit))
      fail(where, "the model answers {}, expected a finite number; its weights are damaged", logit);
  }
  if (logits.size() == 1) return {labels[0], logits[0]};
  const auto best = std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - static_cast<double>(*best));
  return {labels[static_cast<size_t>(best - logits.begin())], 1 / sum};
}

std::vector<float> predictions_from_logits(const Task& task, std::span<const float> logits) {
  const auto bad = std::ranges::find_if(logits, [](float logit) { return !std::isfinite(logit); });
  if (bad != logits.end()) {
    fail("model", "its answer to example {} is {}, expected a finite number; its weights are damaged or too large",
         (bad - logits.begin()) / task.outputs() + 1, *bad);
  }
  if (task.kind == TaskKind::kRegression) return {logits.begin(), logits.end()};
  const auto width = static_cast<size_t>(task.outputs());
  std::vector<float> classes;
  for (size_t i = 0; i + width <= logits.size(); i += width) {
    const auto row = logits.subspan(i, width);
    classes.push_back(static_cast<float>(std::ranges::max_element(row) - row.begin()));
  }
  return classes;
}

}  // namespace nxm
