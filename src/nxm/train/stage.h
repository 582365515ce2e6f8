// SPDX-License-Identifier: Apache-2.0
#pragma once
// One stage: the training loop, its evaluations, its log lines and its checkpoints.

#include <map>
#include <string>

#include "nxm/data/dataset.h"
#include "nxm/io/model_dir.h"
#include "nxm/metrics/metrics.h"
#include "nxm/report/run_log.h"
#include "nxm/report/tensorboard.h"
#include "nxm/train/bert.h"
#include "nxm/train/checkpoint.h"
#include "nxm/train/device.h"
#include "nxm/train/finetune.h"
#include "nxm/train/method.h"
#include "nxm/train/run_folder.h"

namespace nxm {

/// What all stages of a run share.
struct Run {
  const Recipe& recipe;
  const RunFolder& folder;
  const FinetuneOptions& options;
  Compute compute;
  ThreadPool& pool;
  Bert& model;
  RunLog& log;
  TensorBoardWriter& board;
  std::map<std::string, at::Tensor> teacher_logits{};  ///< train/distill.h's cache
};

/// The folder of the stage's teacher: a stage's of this run, or another model.
ModelDir teacher_of(const Recipe& recipe, const StageSpec& stage, const RunFolder& folder);

/// Trains `run.model` (already holding the weights the stage starts from) as stage `state.stage` says, from step
/// `state.step` on; if that is not 0, weights, optimiser and method come from state.tensors.
/// Returns false if it was asked to stop: a checkpoint has been saved then. Otherwise the model holds the stage's
/// result and `scores` its scores.
bool train_stage(Run& run, RunState& state, const Dataset& train, const Dataset& dev, Scores& scores);

/// Share of exact zeros in the sparsified layers.
double sparsity_of(const Bert& model);

}  // namespace nxm
