// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/summary_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace nxm {
namespace {

using Row = std::vector<std::string>;

std::string points(double score) { return fmt::format("{:.2f}", 100 * score); }
std::string signed_points(double score) { return fmt::format("{:+.2f}", 100 * score); }

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string csv_line(const Row& row) {
  std::string line;
  for (const std::string& cell : row) {
    if (&cell != row.data()) line += ',';
    line += csv_cell(cell);
  }
  return line + "\n";
}

}  // namespace

std::vector<Row> summary_table(const Summary& summary) {
  std::vector<Row> table{summary.axes};
  const bool compared = !summary.baseline.empty();
  for (const char* column : {"stage", "pattern", "n", "score"}) table[0].emplace_back(column);
  if (compared) {
    table[0].push_back("vs " + summary.baseline);
    table[0].emplace_back("95 % interval");
  }
  for (const SummaryRow& row : summary.rows) {
    Row cells = row.labels;
    cells.push_back(row.stage);
    cells.push_back(row.pattern.empty() ? "–" : row.pattern);
    cells.push_back(fmt::format("{}", row.runs));
    cells.push_back(points(row.mean) + (row.deviation ? " ± " + points(*row.deviation) : ""));
    if (compared) {
      const auto& difference = row.difference;
      cells.push_back(difference ? signed_points(difference->mean) : "–");
      cells.push_back(difference && difference->interval
                          ? fmt::format("{} to {}", signed_points(difference->interval->low),
                                        signed_points(difference->interval->high))
                          : "–");
    }
    table.push_back(std::move(cells));
  }
  return table;
}

std::string summary_note(const Summary& summary) {
  std::string note = "Scores on dev in points of 100: mean ± standard deviation over n seeds.";
  if (!summary.baseline.empty()) {
    note +=
        fmt::format(" 'vs {}': paired difference, seed by seed, with a bootstrap interval ({} draws over the pairs).",
                    summary.baseline, kResamples);
  }
  const auto single = [](const SummaryRow& row) { return row.runs < 2; };
  const auto count = std::ranges::count_if(summary.rows, single);
  if (count > 0) {
    note += fmt::format("\n{} rows are of one seed (n = 1): they show no spread and no interval.",
                        count == static_cast<std::ptrdiff_t>(summary.rows.size()) ? "All" : fmt::format("{}", count));
  }
  return note;
}

std::string summary_csv(const Summary& summary) {
  Row header = summary.axes;
  for (const char* column :
       {"stage", "method", "pattern", "n", "mean", "sd", "baseline", "difference", "low", "high"}) {
    header.emplace_back(column);
  }
  std::string text = csv_line(header);
  for (const SummaryRow& row : summary.rows) {
    Row cells = row.labels;
    const auto& difference = row.difference;
    const bool sure = difference && difference->interval;
    const auto number = [](bool known, double value) { return known ? fmt::format("{}", value) : ""; };
    cells.insert(
        cells.end(),
        {row.stage, row.method, row.pattern, fmt::format("{}", row.runs), number(true, row.mean),
         number(row.deviation.has_value(), row.deviation.value_or(0)), difference ? summary.baseline : "",
         number(difference.has_value(), difference ? difference->mean : 0),
         number(sure, sure ? difference->interval->low : 0), number(sure, sure ? difference->interval->high : 0)});
    text += csv_line(cells);
  }
  return text;
}

OrderedJson summary_json(const Summary& summary) {
  OrderedJson rows = OrderedJson::array();
  for (const SummaryRow& row : summary.rows) {
    OrderedJson combination = OrderedJson::object();
    for (size_t a = 0; a < summary.axes.size(); ++a) combination[summary.axes[a]] = row.labels[a];
    OrderedJson json = {{"combination", combination}, {"stage", row.stage}, {"method", row.method},
                        {"pattern", row.pattern},     {"n", row.runs},      {"mean", row.mean}};
    json["sd"] = row.deviation ? OrderedJson(*row.deviation) : OrderedJson();
    json["difference"] = row.difference ? OrderedJson(row.difference->mean) : OrderedJson();
    json["interval"] = nullptr;
    if (row.difference && row.difference->interval) {
      json["interval"] = {row.difference->interval->low, row.difference->interval->high};
    }
    rows.push_back(std::move(json));
  }
  return rows;
}

}  // namespace nxm
