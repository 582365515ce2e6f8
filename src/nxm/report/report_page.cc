// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "nxm/report/compare.h"

namespace nxm {
namespace {

std::string summary(std::span<const RunRecord> runs) {
  const auto finished = std::ranges::count_if(runs, &RunRecord::finished);
  std::set<std::string> tasks;
  for (const RunRecord& run : runs) {
    if (run.recipe) tasks.insert(run.recipe->task.name);
  }
  std::string text = fmt::format("{} run{}, {} finished", runs.size(), runs.size() == 1 ? "" : "s", finished);
  if (!tasks.empty()) text += fmt::format("; task{} {}", tasks.size() == 1 ? "" : "s", fmt::join(tasks, ", "));
  return text + ".";
}

// All metrics that occur.
std::vector<std::string> metrics_of(std::span<const RunRecord> runs) {
  std::set<std::string> names;
  for (const RunRecord& run : runs) {
    for (const StageRun& stage : run.stages) {
      for (const auto& entry : stage.final_metrics) names.insert(entry.first);
      if (!stage.result) continue;
      for (const auto& entry : stage.result->metrics) names.insert(entry.first);
    }
  }
  return {names.begin(), names.end()};
}

std::optional<double> metric_of(const StageRun& stage, const std::string& name) {
  if (!stage.result) {
    const auto found = stage.final_metrics.find(name);
    return found == stage.final_metrics.end() ? std::nullopt : std::optional(found->second);
  }
  const auto found = std::ranges::find(stage.result->metrics, name, &std::pair<std::string, double>::first);
  return found == stage.result->metrics.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> header_of(std::vector<std::string> first, const std::vector<std::string>& metrics) {
  first.insert(first.end(), metrics.begin(), metrics.end());
  first.insert(first.end(), {"zeros", "seconds"});
  return first;
}

// Half of the weights are zeros after admm-unstructured too.
std::string pattern_of(const StageRun& stage) {
  if (!stage.pattern.empty()) return stage.pattern;
  return stage.result && stage.result->sparsity > 0 ? "anywhere" : "dense";
}

std::vector<Cell> row_of(const RunRecord& run, const StageRun& stage, const std::vector<std::string>& metrics) {
  const auto score = stage.result ? std::optional(stage.result->score) : stage.final_score;
  std::vector<Cell> row{{run.finished ? run.name : run.name + " (unfinished)"},
                        {stage.name},
                        {stage.method},
                        {pattern_of(stage)},
                        number_cell(score, 4)};
  for (const std::string& name : metrics) row.push_back(number_cell(metric_of(stage, name), 4));
  row.push_back(stage.result ? percent_cell(stage.result->sparsity) : Cell{"–"});
  row.push_back(stage.result ? number_cell(stage.result->seconds, 1) : Cell{"–"});
  return row;
}

// Mean and deviation of one stage of runs that differ only in their seed.
std::vector<Cell> mean_row(std::span<const RunRecord> runs, const std::vector<size_t>& members, size_t stage,
                           const std::vector<std::string>& metrics) {
  const StageRun& first = runs[members.front()].stages[stage];
  const auto spread = [&](const auto& value, int decimals) {
    std::vector<double> values;
    for (const size_t i : members) {
      if (const std::optional<double> found = value(runs[i].stages[stage])) values.push_back(*found);
    }
    const Spread result = spread_of(values);
    return result.count == members.size() ? spread_cell(result.mean, result.deviation, decimals) : Cell{"–"};
  };
  std::vector<Cell> row{{runs[members.front()].name},
                        number_cell(static_cast<double>(members.size()), 0),
                        {first.name},
                        {first.method},
                        {pattern_of(first)},
                        spread([](const StageRun& it) { return std::optional(it.result->score); }, 4)};
  for (const std::string& name : metrics)
    row.push_back(spread([&](const StageRun& it) { return metric_of(it, name); }, 4));
  double zeros = 0;
  for (const size_t i : members) zeros += runs[i].stages[stage].result->sparsity / static_cast<double>(members.size());
  row.push_back(percent_cell(zeros));
  row.push_back(spread([](const StageRun& it) { return std::optional(it.result->seconds); }, 1));
  return row;
}

std::string seed_means(std::span<const RunRecord> runs, const std::vector<std::string>& metrics) {
  std::vector<std::vector<Cell>> rows;
  for (const auto& group : seed_groups(runs)) {
    const std::vector<size_t> members = counted(runs, group);
    if (members.size() < 2) continue;
    for (size_t stage = 0; stage < runs[members.front()].stages.size(); ++stage)
      rows.push_back(mean_row(runs, members, stage, metrics));
  }
  if (rows.empty()) return "";
  return html_paragraph(
             "Runs that differ in nothing but their seed: mean ± sample standard deviation. Unfinished runs and a "
             "seed's second run do not count.") +
         html_table(header_of({"first run", "seeds", "stage", "method", "pattern", "score"}, metrics), rows);
}

}  // namespace

Section problems_section(std::span<const RunRecord> runs) {
  std::vector<std::string> lines;
  for (const RunRecord& run : runs) {
    for (const std::string& problem : run.problems) lines.push_back(fmt::format("{}: {}", run.name, problem));
  }
  Section section{.title = "Damaged or unfinished"};
  if (lines.empty()) return section;
  section.before =
      html_paragraph("What is whole of these runs is shown; means count finished runs only.") + html_list(lines);
  return section;
}

Section results_section(std::span<const RunRecord> runs) {
  const std::vector<std::string> metrics = metrics_of(runs);
  std::vector<std::vector<Cell>> rows;
  for (const RunRecord& run : runs) {
    for (const StageRun& stage : run.stages) rows.push_back(row_of(run, stage, metrics));
  }
  if (rows.empty()) return {.title = "Results", .before = html_paragraph("No run tells of a stage.")};
  return {.title = "Results",
          .before = html_paragraph("Score is the mean of the metrics on dev; zeros is the share of exact zeros in the "
                                   "layers that a pattern concerns.") +
                    html_table(header_of({"run", "stage", "method", "pattern", "score"}, metrics), rows) +
                    seed_means(runs, metrics)};
}

std::vector<Section> report_sections(std::span<const RunRecord> runs, const Retentions& retentions,
                                     std::span<const std::filesystem::path> folders) {
  return {problems_section(runs), results_section(runs), comparison_section(folders),         training_section(runs),
          residual_section(runs), score_section(runs),   retention_section(runs, retentions), sweep_section(runs),
          speed_section(runs)};
}

std::string report_page(std::span<const RunRecord> runs, const std::vector<Section>& sections) {
  std::string body = html_paragraph(summary(runs));
  for (const Section& section : sections) body += html_section(section);
  return html_page(runs.size() == 1 ? "nxm report: " + runs[0].name : "nxm report", body);
}

}  // namespace nxm
