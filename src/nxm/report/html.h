// SPDX-License-Identifier: Apache-2.0
#pragma once
// The parts of a page that stands alone: no script, nothing fetched, light or dark as the reader's system is. What the
// page says is report_page.h's.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/report/svg.h"

namespace nxm {

/// Text, or a number: shown as `text`, exact in the page's source for scripts (<data value=…>).
struct Cell {
  std::string text;
  std::optional<double> value{};
};

/// 0.8412 with `decimals` 4.
Cell number_cell(double value, int decimals);
Cell number_cell(std::optional<double> value, int decimals);  ///< "–" for none
/// "50.0 %" of 0.5.
Cell percent_cell(double share, int decimals = 1);
/// "0.8412 ± 0.0031".
Cell spread_cell(double mean, double deviation, int decimals);

/// A table that scrolls sideways within itself. Columns that hold nothing but numbers and "–" are right-aligned. All
/// text is escaped.
std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<Cell>>& rows);

/// A plot, and what to look for in it.
struct Figure {
  Plot plot;
  std::string caption;
  size_t most = Curve::kMost;  ///< as in svg()
};

/// What a page says of one thing: `before` and `after` are HTML around the figures.
struct Section {
  std::string title;
  std::string before{};
  std::vector<Figure> figures{};
  std::string after{};
};

/// Figures side by side where there is room, each with title, plot, legend and caption; those without points are left
/// out. "" if there is nothing in it.
std::string html_section(const Section& section);
/// The figure as a file of its own, which shows the same colours and needs nothing else (XML; light or dark as the
/// reader's system is).
std::string figure_file(const Figure& figure);

std::string html_paragraph(std::string_view text);
std::string html_list(const std::vector<std::string>& lines);
std::string html_details(std::string_view summary, std::string_view body);

std::string html_page(std::string_view title, std::string_view body);

}  // namespace nxm
