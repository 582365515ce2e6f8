// SPDX-License-Identifier: Apache-2.0
// Sections of report_page.h that follow a stage as it trains: loss, residuals, mask, scores.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "nxm/report/compare.h"
#include "nxm/report/report_page.h"

namespace nxm {
namespace {

constexpr size_t kFewest = 50;  // points of a curve, however many runs share a figure

// A figure stays below about 8 curves' worth of points.
size_t most_points(const Plot& plot) {
  return std::max(kFewest, Curve::kMost * 8 / std::max<size_t>(8, plot.series.size()));
}

void add_figure(Section& section, Plot plot, std::string caption) {
  const size_t most = most_points(plot);
  section.figures.push_back({std::move(plot), std::move(caption), most});
}

std::vector<std::string> stage_names(std::span<const RunRecord> runs) {
  std::vector<std::string> names;
  for (const RunRecord& run : runs) {
    for (const StageRun& stage : run.stages) {
      if (std::ranges::count(names, stage.name) == 0) names.push_back(stage.name);
    }
  }
  return names;
}

const StageRun* find_stage(const RunRecord& run, const std::string& name) {
  const auto found = std::ranges::find(run.stages, name, &StageRun::name);
  return found == run.stages.end() ? nullptr : &*found;
}

// Which curve of a stage is drawn, and whether dashed.
struct Line {
  std::string_view key;
  bool dashed = false;
};

void add_lines(Plot& plot, std::span<const RunRecord> runs, const std::string& stage, const std::vector<Line>& lines) {
  const std::vector<Look> looks = looks_of(runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const StageRun* found = find_stage(runs[i], stage);
    if (found == nullptr) continue;
    for (const Line& line : lines) {
      const auto curve = found->curves.find(std::string(line.key));
      if (curve == found->curves.end()) continue;
      plot.series.push_back(
          {.label = looks[i].label, .points = curve->second.points(), .style = looks[i].style, .dashed = line.dashed});
    }
  }
}

// Pruned, or where nothing has to be pruned the weights as they are; the final score ends the line.
std::vector<Point> judged(const StageRun& stage) {
  std::vector<Point> points;
  for (const char* of : {"pruned", "dev", "final"}) {
    const auto found = stage.scores.find(of);
    if (found == stage.scores.end()) continue;
    const std::vector<Point> more =
        of == std::string_view("final") ? std::vector{found->second.last()} : found->second.points();
    points.insert(points.end(), more.begin(), more.end());
  }
  std::ranges::stable_sort(points, {}, &Point::x);
  return points;
}

Plot score_plot(std::span<const RunRecord> runs, const std::string& stage) {
  Plot plot{.title = fmt::format("Dev score, stage {}", stage),
            .x_title = "epoch",
            .y_title = "score (mean of metrics)",
            .solid = "pruned (or nothing left to prune)",
            .dashed = "dense: before pruning"};
  const std::vector<Look> looks = looks_of(runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    const StageRun* found = find_stage(runs[i], stage);
    if (found == nullptr) continue;
    plot.series.push_back({.label = looks[i].label, .points = judged(*found), .style = looks[i].style});
    const auto dense = found->scores.find("dense");
    if (dense == found->scores.end()) continue;
    plot.series.push_back(
        {.label = looks[i].label, .points = dense->second.points(), .style = looks[i].style, .dashed = true});
  }
  const bool any_dense = std::ranges::any_of(plot.series, &Series::dashed);
  if (!any_dense) plot.solid = plot.dashed = "";
  return plot;
}

bool moves(const Plot& plot) {
  return std::ranges::any_of(plot.series, [](const Series& series) {
    return std::ranges::any_of(series.points, [](const Point& point) { return point.x > 0; });
  });
}

}  // namespace

Section training_section(std::span<const RunRecord> runs) {
  Section section{.title = "Training"};
  for (const std::string& stage : stage_names(runs)) {
    Plot plot{.title = fmt::format("Training loss, stage {}", stage), .x_title = "optimiser step", .y_title = "loss"};
    add_lines(plot, runs, stage, {{"loss"}});
    add_figure(section, std::move(plot),
               "Lower is better: a curve that has become flat has learnt what it will, one that rises "
               "or breaks off has a learning rate that is too high.");
  }
  return section;
}

Section residual_section(std::span<const RunRecord> runs) {
  Section section{.title = "Convergence of ADMM and the mask"};
  for (const std::string& stage : stage_names(runs)) {
    Plot residual{.title = fmt::format("Residuals, stage {}", stage),
                  .x_title = "optimiser step",
                  .y_title = "share of the weights' norm",
                  .log_y = true,
                  .solid = "primal: what pruning would cut",
                  .dashed = "dual: how far the sparse copy moved"};
    add_lines(residual, runs, stage, {{"primal"}, {"dual", true}});
    add_figure(section, std::move(residual),
               "ADMM has converged if the primal residual ends below about 0.01: then the final prune "
               "changes next to nothing.");
    Plot mask{.title = fmt::format("Mask movement, stage {}", stage),
              .x_title = "optimiser step",
              .y_title = "share of the mask",
              .log_y = true,
              .solid = "moved since the last look",
              .dashed = "moved from the first mask"};
    add_lines(mask, runs, stage, {{"mask_moved"}, {"mask_moved_from_first", true}});
    add_figure(section, std::move(mask),
               "The solid line should fall as the mask settles (where it is 0 it ends), and the dashed one "
               "says how far from the first choice training has led.");
    Plot pruned{.title = fmt::format("Pruned so far, stage {}", stage),
                .x_title = "optimiser step",
                .y_title = "share of what the pattern leaves out"};
    add_lines(pruned, runs, stage, {{"pruned"}});
    add_figure(section, std::move(pruned), "Gradual pruning goes fast at first, and is complete at 1.");
  }
  return section;
}

Section score_section(std::span<const RunRecord> runs) {
  Section section{.title = "Score by epoch"};
  for (const std::string& stage : stage_names(runs)) {
    Plot plot = score_plot(runs, stage);
    if (!moves(plot)) continue;  // a stage without training has one score, and the table has it
    add_figure(section, std::move(plot),
               "Higher is better: the gap between dashed and solid is what pruning costs at that epoch, "
               "and it should close by the end.");
  }
  return section;
}

}  // namespace nxm
