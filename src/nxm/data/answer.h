// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a model's logits say: in words for one text, as a task's classes or values for a whole dataset.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/data/task.h"

namespace nxm {

struct Answer {
  std::string_view label;  ///< one of `labels`
  double score = 0;        ///< softmax of the label's logit; with a single output (regression) its value
};

/// The most likely label, the first of equals. logits (O), labels (O), O >= 1.
/// Throws Error(where) if a logit is not finite.
Answer answer_of(std::span<const float> logits, std::span<const std::string> labels, std::string_view where);

/// Class ids (argmax, first of equals) or values, from logits (N, outputs). Throws Error if one is not finite.
std::vector<float> predictions_from_logits(const Task& task, std::span<const float> logits);

}  // namespace nxm
