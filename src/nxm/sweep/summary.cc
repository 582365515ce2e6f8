// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/summary.h"

#include <algorithm>
#include <map>
#include <set>

#include "nxm/core/error.h"

namespace nxm {
namespace {

using Labels = std::vector<std::string>;

/// A run's score, and the baseline's if there is one.
struct Observation {
  double score = 0;
  std::optional<double> baseline;
};

/// One stage of one combination without the seed: its observations by seed.
struct Cell {
  Labels labels;
  const StageResult* stage = nullptr;
  std::map<std::string, Observation> by_seed;
};

std::vector<double> differences(const std::map<std::string, Observation>& by_seed) {
  std::vector<double> values;
  for (const auto& [seed, one] : by_seed) {
    if (one.baseline) values.push_back(one.score - *one.baseline);
  }
  return values;
}

SummaryRow row_of(const Labels& labels, const StageResult& stage) {
  SummaryRow row;
  row.labels = labels;
  row.stage = stage.name;
  row.method = stage.method;
  row.pattern = stage.pattern;
  return row;
}

void fill(SummaryRow& row, const std::vector<double>& scores, const std::vector<std::vector<double>>& groups) {
  row.runs = scores.size();
  row.mean = mean(scores);
  row.deviation = deviation(scores);
  if (groups.empty() || std::ranges::any_of(groups, &std::vector<double>::empty)) return;
  std::vector<double> centers;
  centers.reserve(groups.size());
  for (const auto& group : groups) centers.push_back(mean(group));
  row.difference = Difference{mean(centers), bootstrap_interval(groups)};
}

SummaryRow summarise_cell(const Cell& cell) {
  std::vector<double> scores;
  scores.reserve(cell.by_seed.size());
  for (const auto& [seed, one] : cell.by_seed) scores.push_back(one.score);
  SummaryRow row = row_of(cell.labels, *cell.stage);
  fill(row, scores, {differences(cell.by_seed)});
  return row;
}

// One stage over all values of the averaged axis, with the seeds that all have; nothing if there is none.
std::optional<SummaryRow> summarise_average(const Labels& labels, const std::vector<const Cell*>& cells) {
  std::map<std::string, double> totals;
  for (const auto& [seed, one] : cells.front()->by_seed) {
    const auto has = [&seed = seed](const Cell* cell) { return cell->by_seed.contains(seed); };
    if (!std::ranges::all_of(cells, has)) continue;
    for (const Cell* cell : cells) totals[seed] += cell->by_seed.at(seed).score / static_cast<double>(cells.size());
  }
  if (totals.empty()) return std::nullopt;
  std::vector<double> scores;
  scores.reserve(totals.size());
  for (const auto& [seed, total] : totals) scores.push_back(total);
  std::vector<std::vector<double>> groups;
  for (const Cell* cell : cells) {
    auto common = cell->by_seed;
    std::erase_if(common, [&](const auto& entry) { return !totals.contains(entry.first); });
    groups.push_back(differences(common));
  }
  SummaryRow row = row_of(labels, *cells.front()->stage);
  fill(row, scores, groups);
  return row;
}

/// Which axes make a row, and which is averaged over; positions in a job's labels.
struct Columns {
  std::vector<size_t> shown;
  std::optional<size_t> seed, average;  ///< average: position among `shown`
};

Columns columns_of(const SweepFile& sweep) {
  Columns columns;
  for (size_t a = 0; a < sweep.axes.size(); ++a) {
    if (sweep.axes[a].name == "seed") {
      columns.seed = a;
      continue;
    }
    if (sweep.axes[a].name == sweep.average) columns.average = columns.shown.size();
    columns.shown.push_back(a);
  }
  return columns;
}

std::vector<Cell> cells_of(const SweepFile& sweep, const Columns& columns, std::span<const Job> jobs,
                           std::span<const std::vector<StageResult>> results) {
  std::vector<Cell> cells;
  std::map<std::pair<Labels, std::string>, size_t> places;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const std::vector<StageResult>& stages = results[i];
    Labels labels;
    for (const size_t a : columns.shown) labels.push_back(jobs[i].labels[a]);
    const std::string seed = columns.seed ? jobs[i].labels[*columns.seed] : "";
    const size_t with = baseline_job(sweep, jobs, i);
    const auto baseline = std::ranges::find(results[with], sweep.baseline, &StageResult::name);
    for (const StageResult& stage : stages) {
      const auto [place, fresh] = places.emplace(std::pair(labels, stage.name), cells.size());
      if (fresh) cells.push_back({labels, &stage, {}});
      Observation one{stage.score, std::nullopt};
      const bool itself = with == i && stage.name == sweep.baseline;
      if (baseline != results[with].end() && !itself) one.baseline = baseline->score;
      cells[place->second].by_seed.emplace(seed, one);
    }
  }
  return cells;
}

}  // namespace

Summary summarise(const SweepFile& sweep, std::span<const Job> jobs,
                  std::span<const std::vector<StageResult>> results) {
  require(jobs.size() == results.size(), "summarise: as many results as jobs");
  const Columns columns = columns_of(sweep);
  Summary summary;
  summary.baseline = baseline_name(sweep);
  for (const size_t a : columns.shown) summary.axes.push_back(sweep.axes[a].name);
  const std::vector<Cell> cells = cells_of(sweep, columns, jobs, results);
  for (const Cell& cell : cells) summary.rows.push_back(summarise_cell(cell));
  if (!columns.average) return summary;

  // The values that the sweep asks for in each combination: an average over fewer would be another number.
  std::map<Labels, std::set<std::string>> asked;
  const auto without = [&](Labels labels) {
    labels[*columns.average] = "average";
    return labels;
  };
  for (const Job& job : jobs) {
    Labels labels;
    for (const size_t a : columns.shown) labels.push_back(job.labels[a]);
    asked[without(labels)].insert(labels[*columns.average]);
  }
  std::vector<std::pair<Labels, std::string>> order;
  std::map<std::pair<Labels, std::string>, std::vector<const Cell*>> groups;
  for (const Cell& cell : cells) {
    const std::pair key(without(cell.labels), cell.stage->name);
    if (!groups.contains(key)) order.push_back(key);
    groups[key].push_back(&cell);
  }
  for (const auto& key : order) {
    if (groups[key].size() < 2 || groups[key].size() != asked[key.first].size()) continue;
    if (auto row = summarise_average(key.first, groups[key])) summary.rows.push_back(*std::move(row));
  }
  return summary;
}

}  // namespace nxm
