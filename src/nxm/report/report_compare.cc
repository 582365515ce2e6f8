// SPDX-License-Identifier: Apache-2.0
// Sections of report_page.h that set stages and runs beside one another: retention, sweeps, speed.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "nxm/report/compare.h"
#include "nxm/report/report_page.h"

namespace nxm {
namespace {

constexpr double kWide = 20;  // largest over smallest value of a key from which on its axis is logarithmic

// One line a stage; a layer without the number is no point.
Plot retention_plot(const std::vector<StageRetention>& stages, std::string title, std::string y_title,
                    std::optional<double> (*number)(const LayerRetention&)) {
  Plot plot{.title = std::move(title), .x_title = "encoder layer", .y_title = std::move(y_title)};
  for (size_t s = 0; s < stages.size(); ++s) {
    Series series{.label = stages[s].stage, .style = stages.size() > kStyles ? kPlain : static_cast<int>(s)};
    const auto layers = static_cast<double>(stages[s].layers.size());
    for (size_t i = 0; i < stages[s].layers.size(); ++i) {
      const double x = 1 + static_cast<double>(i) * static_cast<double>(stages[s].encoder_layers) / layers;
      if (const auto y = number(stages[s].layers[i])) series.points.push_back({x, *y});
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

void add_retention_figures(Section& section, const RunRecord& run, const std::vector<StageRetention>& stages) {
  section.figures.push_back({retention_plot(stages, fmt::format("Norm kept, {}", run.name), "share of the norm",
                                            [](const LayerRetention& layer) { return layer.kept_norm; }),
                             "How much of what each stage began with lies where it kept weights (within each encoder "
                             "layer query, key, value, attention output, feed-forward in and out): a dip is a layer "
                             "that lost large weights."});
  section.figures.push_back({retention_plot(stages, fmt::format("Non-zeros, {}", run.name), "share of the weights",
                                            [](const LayerRetention& layer) { return std::optional(layer.non_zero); }),
                             "An N:M pattern gives a flat line at its density; a layer above it is denser than its "
                             "pattern, one below it has zeros to spare."});
}

std::string retention_table(const std::vector<StageRetention>& stages) {
  std::vector<std::vector<Cell>> rows;
  for (const StageRetention& stage : stages) {
    for (const LayerRetention& layer : stage.layers) {
      rows.push_back({{stage.stage},
                      {layer.name},
                      {fmt::format("{} × {}", layer.rows, layer.cols)},
                      percent_cell(layer.non_zero, 2),
                      layer.kept_norm ? percent_cell(*layer.kept_norm, 2) : Cell{"–"}});
    }
  }
  return html_table({"stage", "layer", "shape", "non-zeros", "norm kept"}, rows);
}

// The stage that shows what a key does: for a key of a stage the last that starts from it (from its masked stage, say),
// else the last of all.
const StageRun& stage_for(const RunRecord& run, const std::string& key) {
  constexpr std::string_view kStage = "stage.";
  const StageRun* found = &run.stages.back();
  if (!key.starts_with(kStage)) return *found;
  std::set<std::string> line{key.substr(kStage.size(), key.rfind('.') - kStage.size())};
  for (const StageRun& stage : run.stages) {
    if (line.contains(stage.from)) line.insert(stage.name);
    if (line.contains(stage.name)) found = &stage;
  }
  return *found;
}

// Runs that are alike but for `key` and the seed make one line: mean and deviation over the seeds at each value.
Plot sweep_plot(std::span<const RunRecord> runs, const std::string& key) {
  std::map<std::string, std::map<double, std::vector<size_t>>> alike;  // by the rest of the recipe, then by value
  std::vector<size_t> all;
  double least = 0, greatest = 0;
  const std::vector<std::string> without{key};
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto value = number_of(runs[i], key);
    if (!runs[i].finished || !value) continue;
    alike[recipe_text(runs[i], without)][*value].push_back(i);
    least = all.empty() ? *value : std::min(least, *value);
    greatest = all.empty() ? *value : std::max(greatest, *value);
    all.push_back(i);
  }
  Plot plot{.title = fmt::format("Score by {}", key), .x_title = key, .y_title = "score (mean of metrics)"};
  if (!all.empty()) plot.title = fmt::format("Score of {} by {}", stage_for(runs[all.front()], key).name, key);
  plot.log_x = least > 0 && greatest / least >= kWide;
  for (const auto& [recipe, by_value] : alike) {
    const std::string label = difference_text(runs, all, by_value.begin()->second.front(), key);
    Series series{.label = label.empty() ? "score" : label};
    series.style = alike.size() > kStyles ? kPlain : static_cast<int>(plot.series.size());
    if (series.style == kPlain) series.label = fmt::format("one of {} settings of the other keys", alike.size());
    for (const auto& [value, members] : by_value) {
      std::vector<double> scores;
      for (const size_t i : counted(runs, members)) scores.push_back(stage_for(runs[i], key).result->score);
      const Spread spread = spread_of(scores);
      series.points.push_back({value, spread.mean});
      series.spread.push_back(spread.deviation);
    }
    plot.series.push_back(std::move(series));
  }
  return plot;
}

// The score of the last stage that has the pattern; for "dense" of the last dense one. Of the last of all where none
// has.
double score_for(const RunRecord& run, const std::string& pattern) {
  double score = *run.score();
  for (const StageRun& stage : run.stages) {
    if (pattern == "dense" ? stage.method == "dense" : stage.pattern == pattern) score = stage.result->score;
  }
  return score;
}

Plot speed_plot(const std::vector<std::pair<const RunRecord*, const BenchLine*>>& lines) {
  Plot plot{.title = "Score and latency by pattern",
            .x_title = "median time of a batch (ms)",
            .y_title = "score (mean of metrics)"};
  std::map<std::string, size_t> places;
  for (const auto& [run, line] : lines) {
    const std::string label = fmt::format("{}, {}", line->pattern, line->precision);
    const auto [found, fresh] = places.emplace(label, plot.series.size());
    if (fresh) {
      plot.series.push_back({.label = label, .style = static_cast<int>(plot.series.size()), .line = false});
    }
    plot.series[found->second].points.push_back({line->median_ms, score_for(*run, line->pattern)});
  }
  return plot;
}

std::string speed_table(const std::vector<std::pair<const RunRecord*, const BenchLine*>>& lines) {
  std::vector<std::vector<Cell>> rows;
  rows.reserve(lines.size());
  for (const auto& [run, line] : lines) {
    rows.push_back({{run->name},
                    {line->pattern},
                    {line->precision},
                    {fmt::format("{} × {}", line->batch, line->tokens)},
                    number_cell(static_cast<double>(line->threads), 0),
                    number_cell(line->median_ms, 2),
                    number_cell(line->p99_ms, 2),
                    number_cell(line->tokens_per_second, 0),
                    number_cell(score_for(*run, line->pattern), 4),
                    {line->cpu}});
  }
  return html_table(
      {"run", "pattern", "precision", "batch × tokens", "threads", "median ms", "p99 ms", "tokens/s", "score", "CPU"},
      rows);
}

}  // namespace

Section retention_section(std::span<const RunRecord> runs, const Retentions& retentions) {
  Section section{.title = "What the layers keep"};
  if (retentions.by_run.empty()) {
    section.before = html_paragraph(
        "Left out: no run here has the weights of a sparse stage any more (model/, or stages/ with keep_stages = "
        "true).");
  }
  for (const auto& [i, stages] : retentions.by_run) {
    add_retention_figures(section, runs[i], stages);
    section.after += html_details(fmt::format("Layer by layer: {}", runs[i].name), retention_table(stages));
  }
  if (retentions.passed_over > 0) {
    section.after += html_paragraph(fmt::format(
        "The weights of {} more runs were not looked at; name fewer runs to see them.", retentions.passed_over));
  }
  return section;
}

Section sweep_section(std::span<const RunRecord> runs) {
  Section section{.title = "Score by setting"};
  const std::vector<std::string> keys = varied_keys(runs);
  std::set<std::string> families;  // by all but the keys that vary
  for (const RunRecord& run : runs) {
    if (run.finished) families.insert(recipe_text(run, keys));
  }
  for (const std::string& key : keys) {
    Plot plot = sweep_plot(runs, key);
    const bool compares =
        std::ranges::any_of(plot.series, [](const Series& series) { return series.points.size() > 1; });
    if (!compares && families.size() > 1) continue;  // runs of different kinds, which differ in much else
    section.figures.push_back({std::move(plot),
                               "Each point is the mean of the finished runs with that value, its bar one standard "
                               "deviation over seeds: a difference smaller than the bars may be chance."});
  }
  return section;
}

Section speed_section(std::span<const RunRecord> runs) {
  Section section{.title = "Accuracy and speed"};
  std::vector<std::pair<const RunRecord*, const BenchLine*>> lines;
  for (const RunRecord& run : runs) {
    for (const BenchLine& line : run.bench) {
      if (run.finished) lines.emplace_back(&run, &line);
    }
  }
  if (lines.empty()) {
    section.before = html_paragraph(
        "Left out: no finished run here has a bench.json. `nxm bench --model RUN/model --json >> RUN/bench.json` makes "
        "one.");
    return section;
  }
  section.figures.push_back(
      {speed_plot(lines),
       "Up and to the left is better; times compare only where CPU, threads, batch and tokens are "
       "the same (see the table)."});
  section.after = speed_table(lines);
  return section;
}

}  // namespace nxm
