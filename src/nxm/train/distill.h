// SPDX-License-Identifier: Apache-2.0
#pragma once
// Distillation: a stage's loss with a teacher. Any stage may have one (docs/method.md).

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nxm/data/dataset.h"
#include "nxm/data/task.h"
#include "nxm/io/model_dir.h"
#include "nxm/recipe/recipe.h"
#include "nxm/text/tokenizer.h"
#include "nxm/train/bert.h"
#include "nxm/train/device.h"

namespace nxm {

/// tau^2 KL(softmax(teacher / tau) || softmax(student / tau)), the mean over rows; regression: their mean squared
/// distance. Shapes: (B, outputs). Source: Hinton, Vinyals, Dean, arXiv 1503.02531.
at::Tensor logit_loss(const at::Tensor& student, const at::Tensor& teacher, TaskKind kind, double temperature);

/// The teacher's layer for each of the student's, from 0: `layers` (from 1) as given, or else layer ceil((i+1) T/S) of
/// T for layer i+1 of S. Throws UsageError(where) for a wrong number or a layer that is not there.
std::vector<int64_t> layer_map(const std::vector<int64_t>& layers, int64_t student, int64_t teacher,
                               std::string_view where);

/// Throws Error if a teacher in another folder does not answer in the student's terms: other labels, another
/// vocabulary, or (for hidden states and attention) another width or number of heads.
void check_teacher(const StageSpec& stage, const ModelDir& teacher, const ModelConfig& student,
                   const Tokenizer& tokenizer);

class Teacher {
 public:
  /// The model in `folder`, for `student`; its logits on `train` are computed once, or taken from `cache` (keyed by
  /// folder and max_length).
  Teacher(const StageSpec& stage, const Task& task, const ModelDir& folder, const Bert& student, const Dataset& train,
          const Compute& compute, std::map<std::string, at::Tensor>& cache);
  ~Teacher();

  /// alpha task + (1 - alpha) logit_loss + hidden L_h + attention L_a, where L_h and L_a are means over layers and
  /// elements. `trace` is the student's, of the same batch.
  [[nodiscard]] at::Tensor loss(const at::Tensor& task, const at::Tensor& logits, const BertTrace& trace,
                                const Batch& batch, const BertInput& input) const;
  /// Whether loss() reads the student's trace.
  [[nodiscard]] bool needs_trace() const { return model_ != nullptr; }

 private:
  const StageSpec& stage_;
  TaskKind kind_;
  const Compute& compute_;
  at::Tensor logits_;            // (N, outputs)
  std::unique_ptr<Bert> model_;  // only for hidden states and attention
  std::vector<int64_t> layers_;
};

}  // namespace nxm
