// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/results.h"

#include <limits>
#include <numeric>

#include "nxm/core/error.h"

namespace nxm {

namespace {

/// A stage as scripts see it (docs/cli.md).
OrderedJson stage_json(const StageResult& result) {
  OrderedJson metrics = OrderedJson::object();
  for (const auto& [name, value] : result.metrics) metrics[name] = value;
  return {{"index", result.index},       {"name", result.name},       {"method", result.method},
          {"pattern", result.pattern},   {"metrics", metrics},        {"score", result.score},
          {"sparsity", result.sparsity}, {"seconds", result.seconds}, {"tokens_per_second", result.tokens_per_second}};
}

}  // namespace

std::string hugging_face_name(const std::string& metric) {
  if (metric == "matthews") return "matthews_correlation";
  return metric == "spearman" ? "spearmanr" : metric;
}

OrderedJson to_json(const StageResult& result) {
  OrderedJson json = stage_json(result);
  json["bytes"] = result.bytes;
  // Readers that sort keys lose the order of the metrics.
  json["order"] = OrderedJson::array();
  for (const auto& metric : result.metrics) json["order"].push_back(metric.first);
  return json;
}

StageResult stage_result_from_json(const Json& value, const std::string& where) {
  constexpr int64_t kMany = std::numeric_limits<int64_t>::max();
  constexpr double kAny = std::numeric_limits<double>::max();
  const JsonFields fields(value, where);
  StageResult result;
  result.index = fields.integer("index", 0, kMany);
  result.name = fields.string("name");
  result.method = fields.string("method");
  result.pattern = fields.string("pattern");
  const JsonFields metrics = fields.object("metrics");
  for (const Json& name : fields.array("order")) {
    if (!name.is_string()) fields.reject("order", "must hold names of metrics");
    result.metrics.emplace_back(name.get<std::string>(), metrics.number(name.get<std::string>(), -kAny, kAny));
  }
  result.score = fields.number("score", -kAny, kAny);
  result.sparsity = fields.number("sparsity", 0, 1);
  result.seconds = fields.number("seconds", 0, kAny);
  result.tokens_per_second = fields.number("tokens_per_second", 0, kAny);
  result.bytes = fields.integer("bytes", 0, kMany);
  return result;
}

OrderedJson run_json(const std::vector<StageResult>& stages, const std::string& model) {
  OrderedJson list = OrderedJson::array();
  for (const StageResult& stage : stages) list.push_back(stage_json(stage));
  return {{"stages", list}, {"model", model}};
}

OrderedJson all_results_json(const std::vector<StageResult>& stages, int64_t train_rows, int64_t dev_rows) {
  OrderedJson json = OrderedJson::object();
  if (!stages.empty()) {
    const StageResult& last = stages.back();
    for (const auto& [name, value] : last.metrics) json["eval_" + hugging_face_name(name)] = value;
    if (last.metrics.size() > 1) json["eval_combined_score"] = last.score;
  }
  json["eval_samples"] = dev_rows;
  json["train_runtime"] = std::accumulate(stages.begin(), stages.end(), 0.0,
                                          [](double sum, const StageResult& stage) { return sum + stage.seconds; });
  json["train_samples"] = train_rows;
  json["stages"] = run_json(stages, "")["stages"];
  return json;
}

}  // namespace nxm
