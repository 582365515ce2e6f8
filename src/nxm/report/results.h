// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a finished run leaves for people and scripts: all_results.json and the model card.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nxm/io/json_fields.h"

namespace nxm {

/// A stage's outcome. `score` is the mean of `metrics`, all between 0 and 1 (correlations -1 and 1).
struct StageResult {
  int64_t index = 0;
  std::string name;
  std::string method;
  std::string pattern;  ///< "2:4", or "" for dense
  std::vector<std::pair<std::string, double>> metrics;
  double score = 0;
  double sparsity = 0;  ///< share of exact zeros in the sparsified layers, as stored
  double seconds = 0;
  double tokens_per_second = 0;
  int64_t bytes = 0;  ///< of the stage's weight file
};

/// All fields; reads back through stage_result_from_json.
OrderedJson to_json(const StageResult& result);
StageResult stage_result_from_json(const Json& value, const std::string& where);

/// {"stages":[…],"model":…}: what `nxm finetune --json` prints.
OrderedJson run_json(const std::vector<StageResult>& stages, const std::string& model);
/// The metric's name in Hugging Face's evaluate: "matthews_correlation", "spearmanr"; the others are the same.
std::string hugging_face_name(const std::string& metric);
/// Keys of transformers' run_glue.py (eval_accuracy, eval_combined_score, eval_samples, train_runtime, …), plus
/// "stages".
OrderedJson all_results_json(const std::vector<StageResult>& stages, int64_t train_rows, int64_t dev_rows);
/// README.md of the model directory: YAML front matter with model-index, a table of stages, how to use it. A base model
/// that is a folder gets no place in the metadata: nobody else has that folder.
std::string model_card(const std::string& model_name, const std::string& base_model, const std::string& task,
                       const std::vector<StageResult>& stages, const std::string& recipe_toml);

}  // namespace nxm
