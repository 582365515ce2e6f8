// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/retention.h"

#include <fmt/format.h>

#include <cmath>

#include "nxm/core/error.h"
#include "nxm/io/model_dir.h"
#include "nxm/io/model_tensors.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

bool is_model(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kConfigFile, ignored);
}

// A name from a file must not lead out of the run's folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos;
}

std::optional<fs::path> weights_of(const RunRecord& run, const std::string& stage) {
  if (is_plain_name(stage) && is_model(run.folder / "stages" / stage)) return run.folder / "stages" / stage;
  const bool last = !run.stages.empty() && run.stages.back().name == stage;
  if (last && is_model(run.folder / "model")) return run.folder / "model";
  return std::nullopt;
}

std::optional<fs::path> start_of(const RunRecord& run, const StageRun& stage) {
  if (!stage.from.empty()) return weights_of(run, stage.from);
  if (run.recipe && is_model(run.recipe->model)) return run.recipe->model;
  return std::nullopt;
}

std::vector<float> read_matrix(const ModelDir& model, const std::string& name, LayerRetention& layer) {
  const TensorInfo& info = model.info(name);
  if (info.shape.size() != 2 || info.elements() == 0) fail(name, "has shape {}, no matrix", shape_text(info.shape));
  layer.rows = info.shape[0];
  layer.cols = info.shape[1];
  std::vector<float> values(static_cast<size_t>(info.elements()));
  model.read_f32(name, values);
  return values;
}

LayerRetention compare(const ModelDir& result, const std::optional<ModelDir>& start, const std::string& name) {
  LayerRetention layer{name};
  const std::vector<float> sparse = read_matrix(result, name, layer);
  const auto kept = std::ranges::count_if(sparse, [](float value) { return value != 0; });
  layer.non_zero = static_cast<double>(kept) / static_cast<double>(sparse.size());
  LayerRetention before;
  if (!start || !start->has(name)) return layer;
  const std::vector<float> dense = read_matrix(*start, name, before);
  if (before.rows != layer.rows || before.cols != layer.cols) return layer;
  double all = 0, kept_squares = 0;
  for (size_t i = 0; i < dense.size(); ++i) {
    const double square = static_cast<double>(dense[i]) * dense[i];
    all += square;
    if (sparse[i] != 0) kept_squares += square;
  }
  if (all > 0) layer.kept_norm = std::sqrt(kept_squares / all);
  return layer;
}

StageRetention read_stage(const fs::path& folder, const std::optional<fs::path>& from, const std::string& name) {
  const ModelDir result(folder);
  std::optional<ModelDir> start;
  if (from) start.emplace(*from);
  StageRetention stage{name, result.config().num_hidden_layers, {}};
  for (const std::string& layer : sparsified_names(result.config())) {
    stage.layers.push_back(compare(result, start, layer));
  }
  return stage;
}

}  // namespace

std::vector<StageRetention> read_retention(RunRecord& run) {
  std::vector<StageRetention> stages;
  for (const StageRun& stage : run.stages) {
    if (stage.pattern.empty()) continue;
    const auto folder = weights_of(run, stage.name);
    if (!folder) continue;
    try {
      stages.push_back(read_stage(*folder, start_of(run, stage), stage.name));
    } catch (const Error& error) {
      run.problems.push_back(fmt::format("weights of stage '{}': {}", stage.name, error.what()));
    }
  }
  return stages;
}

Retentions read_retentions(std::span<RunRecord> runs) {
  Retentions all;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (all.by_run.size() == kMostRetentions) {
      ++all.passed_over;
      continue;
    }
    std::vector<StageRetention> stages = read_retention(runs[i]);
    if (!stages.empty()) all.by_run[i] = std::move(stages);
  }
  return all;
}

}  // namespace nxm
