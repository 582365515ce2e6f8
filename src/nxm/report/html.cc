// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "nxm/report/escape.h"
#include "nxm/report/html_style.h"

namespace nxm {
namespace {

bool is_number(const Cell& cell) { return cell.value || cell.text == "–"; }

std::string cell_html(const Cell& cell, bool right) {
  const char* place = right ? " class=n" : "";
  if (!cell.value) return fmt::format("<td{}>{}</td>", place, escaped(cell.text));
  return fmt::format("<td{}><data value=\"{}\">{}</data></td>", place, *cell.value, escaped(cell.text));
}

struct LegendItem {
  std::string swatch;  // one <svg>
  std::string text;
};

// Each series once, though it may have several lines, and what solid and dashed mean; of both only what has points.
std::vector<LegendItem> legend_items(const Plot& plot) {
  std::vector<LegendItem> items;
  std::set<std::tuple<std::string, int>> seen;
  for (const Series& series : plot.series) {
    if (!has_points(series, plot) || !seen.emplace(series.label, series.style).second) continue;
    items.push_back({svg_swatch(series.style, false), series.label});
  }
  const auto kind = [&](const std::string& text, bool dashed) {
    const bool drawn = std::ranges::any_of(
        plot.series, [&](const Series& series) { return series.dashed == dashed && has_points(series, plot); });
    if (text.empty() || !drawn) return;
    items.push_back({fmt::format("<svg viewBox=\"0 0 26 10\" class=\"swatch cp\" aria-hidden=\"true\"><path "
                                 "class=\"line{}\" d=\"M0 5H26\"/></svg>",
                                 dashed ? " dash" : ""),
                     text});
  };
  kind(plot.solid, false);
  kind(plot.dashed, true);
  return items;
}

std::string legend(const Plot& plot) {
  std::string list;
  for (const auto& [swatch, text] : legend_items(plot)) list += fmt::format("<li>{}{}</li>", swatch, escaped(text));
  return fmt::format("<ul class=legend>{}</ul>", list);
}

}  // namespace

Cell number_cell(double value, int decimals) { return {fmt::format("{:.{}f}", value, decimals), value}; }

Cell number_cell(std::optional<double> value, int decimals) {
  return value ? number_cell(*value, decimals) : Cell{"–"};
}

Cell percent_cell(double share, int decimals) { return {fmt::format("{:.{}f} %", 100 * share, decimals), share}; }

Cell spread_cell(double mean, double deviation, int decimals) {
  return {fmt::format("{:.{}f} ± {:.{}f}", mean, decimals, deviation, decimals), mean};
}

std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<Cell>>& rows) {
  std::vector<bool> right(header.size(), !rows.empty());
  for (const auto& row : rows) {
    for (size_t i = 0; i < header.size(); ++i) right[i] = right[i] && is_number(row.at(i));
  }
  std::string out = "<div class=scroll tabindex=0><table><thead><tr>";
  for (size_t i = 0; i < header.size(); ++i)
    out += fmt::format("<th scope=col{}>{}</th>", right[i] ? " class=n" : "", escaped(header[i]));
  out += "</tr></thead><tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (size_t i = 0; i < header.size(); ++i) out += cell_html(row[i], right[i]);
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string html_section(const Section& section) {
  std::string figures;
  for (const Figure& figure : section.figures) {
    if (!has_points(figure.plot)) continue;
    figures += fmt::format("<figure><h3>{}</h3>{}{}<figcaption>{}</figcaption></figure>\n", escaped(figure.plot.title),
                           svg(figure.plot, figure.most), legend(figure.plot), escaped(figure.caption));
  }
  if (!figures.empty()) figures = fmt::format("<div class=figures>{}</div>\n", figures);
  const std::string body = section.before + figures + section.after;
  return body.empty() ? "" : fmt::format("<section><h2>{}</h2>\n{}</section>\n", escaped(section.title), body);
}

std::string figure_file(const Figure& figure) {
  constexpr int kTitle = 22, kLine = 16;  // heights
  const std::vector<LegendItem> items = legend_items(figure.plot);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\">\n<style>{2}{3}</style>\n"
      "<rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"var(--card)\"/>\n<text class=\"name\" x=\"10\" "
      "y=\"16\">{4}</text>\n",
      kPlotWidth, kTitle + kPlotHeight + kLine * items.size() + 4, kColours, kPlotStyle, escaped(figure.plot.title));
  const auto place = [](int x, int y, std::string_view part, int width, int height) {
    return fmt::format("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}\n", x, y, width, height,
                       part.substr(std::string_view("<svg ").size()));
  };
  out += place(0, kTitle, svg(figure.plot, figure.most), kPlotWidth, kPlotHeight);
  int y = kTitle + kPlotHeight;
  for (const LegendItem& item : items) {
    out += place(12, y, item.swatch, 26, 10) +
           fmt::format("<text x=\"44\" y=\"{}\">{}</text>\n", y + 9, escaped(item.text));
    y += kLine;
  }
  return out + "</svg>\n";
}

std::string html_paragraph(std::string_view text) { return fmt::format("<p>{}</p>\n", escaped(text)); }

std::string html_list(const std::vector<std::string>& lines) {
  std::string items;
  for (const std::string& line : lines) items += fmt::format("<li>{}</li>\n", escaped(line));
  return lines.empty() ? "" : fmt::format("<ul>{}</ul>\n", items);
}

std::string html_details(std::string_view summary, std::string_view body) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escaped(summary), body);
}

std::string html_page(std::string_view title, std::string_view body) {
  // The policy holds even if a name slipped through unescaped: nothing runs, nothing is fetched.
  return fmt::format(
      "<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
      "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; img-src "
      "data:\">\n"
      "<meta name=viewport content=\"width=device-width, initial-scale=1\">\n<meta name=color-scheme content=\"light "
      "dark\">\n<link rel=icon "
      "href=\"data:,\">\n<title>{0}</title>\n<style>{1}{2}{3}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{4}</body>\n</"
      "html>\n",
      escaped(title), kColours, kPageStyle, kPlotStyle, body);
}

}  // namespace nxm
