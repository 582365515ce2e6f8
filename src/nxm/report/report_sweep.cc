// SPDX-License-Identifier: Apache-2.0
// The section of report_page.h that shows what `nxm sweep` compared.

#include <fmt/format.h>

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"
#include "nxm/io/json_fields.h"
#include "nxm/report/report_page.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr double kPoints = 100;  // scores are shown in points of 100
constexpr double kMostScore = 1e300;

std::string signed_points(double value) { return fmt::format("{:+.2f}", kPoints * value); }

std::vector<Cell> row_of(const JsonFields& row, const std::vector<std::string>& axes) {
  const JsonFields combination = row.object("combination");
  std::vector<Cell> cells;
  for (const std::string& axis : axes) cells.push_back({combination.string(axis, "–")});
  cells.push_back({row.string("stage")});
  const std::string pattern = row.string("pattern", "");
  cells.push_back({pattern.empty() ? "–" : pattern});
  cells.push_back(number_cell(row.number("n", 0, kMostScore), 0));
  const double mean = kPoints * row.number("mean", -kMostScore, kMostScore);
  cells.push_back(row.has("sd") ? spread_cell(mean, kPoints * row.number("sd", 0, kMostScore), 2)
                                : number_cell(mean, 2));
  cells.push_back({row.has("difference") ? signed_points(row.number("difference", -kMostScore, kMostScore)) : "–"});
  std::string interval = "–";
  if (row.has("interval")) {
    const Json& ends = row.array("interval");
    if (ends.size() != 2 || !ends[0].is_number() || !ends[1].is_number())
      row.reject("interval", "expected two numbers");
    interval = fmt::format("{} to {}", signed_points(ends[0].get<double>()), signed_points(ends[1].get<double>()));
  }
  cells.push_back({std::move(interval)});
  return cells;
}

std::string table_of(const fs::path& file) {
  const Json json = parse_json(read_file(file), file.string());
  const JsonFields fields(json, file.string());
  const Json& rows = fields.array("rows");
  const std::string baseline = fields.string("baseline", "");
  std::vector<std::string> header;
  for (const Json& row : rows) {
    for (const auto& [axis, value] : JsonFields(row, file.string()).object("combination").raw().items()) {
      if (std::find(header.begin(), header.end(), axis) == header.end()) header.push_back(axis);
    }
  }
  const std::vector<std::string> axes = header;
  header.insert(header.end(), {"stage", "pattern", "runs", "score"});
  header.push_back(baseline.empty() ? "difference" : "vs " + baseline);
  header.emplace_back("95 % interval");
  std::vector<std::vector<Cell>> cells;
  for (const Json& row : rows) cells.push_back(row_of(JsonFields(row, file.string()), axes));
  return html_table(header, cells);
}

}  // namespace

Section comparison_section(std::span<const fs::path> folders) {
  Section section{.title = "The sweep's comparison"};
  for (const fs::path& folder : folders) {
    const fs::path file = folder / "results.json";
    if (!fs::is_regular_file(file)) continue;
    if (section.before.empty()) {
      section.before = html_paragraph(
          "Scores on dev in points of 100: mean ± sample standard deviation over the seeds, the mean difference to the "
          "baseline stage, seed by seed, and its bootstrap interval.");
    }
    try {
      section.before += table_of(file);
    } catch (const Error& error) {
      section.before += html_paragraph(fmt::format("Left out: {}. `nxm sweep` writes it anew.", error.what()));
    }
  }
  return section;
}

}  // namespace nxm
