// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/table.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace nxm {
namespace {

// Columns on a terminal: wide East Asian characters and emoji take two.
size_t width_of(std::string_view text) {
  size_t width = 0;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (size_t j = 1; j < length && i + j < text.size(); ++j)
      code = code << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3F);
    const bool wide = (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                      (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                      (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                      (code >= 0x1F300 && code <= 0x1FAFF) || (code >= 0x20000 && code <= 0x3FFFD);
    const bool combining = (code >= 0x300 && code <= 0x36F) || code == 0x200D || (code >= 0xFE00 && code <= 0xFE0F);
    width += combining ? 0 : wide ? 2 : 1;
    i += length;
  }
  return width;
}

bool is_number(std::string_view cell) {
  if (cell == "–" || cell.empty()) return true;
  const size_t at = cell[0] == '-' || cell[0] == '+' ? 1 : 0;
  return at < cell.size() && cell[at] >= '0' && cell[at] <= '9';
}

struct Column {
  size_t width = 0;
  bool right = true;
};

using Rows = std::vector<std::vector<std::string>>;

// Line ends and other control characters would break the table, or drive the terminal.
Rows cleaned(Rows rows) {
  for (auto& row : rows) {
    for (auto& cell : row) {
      std::ranges::replace_if(
          cell, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    }
  }
  return rows;
}

std::vector<Column> columns_of(const Rows& rows) {
  std::vector<Column> columns;
  for (size_t r = 0; r < rows.size(); ++r) {
    columns.resize(std::max(columns.size(), rows[r].size()));
    for (size_t c = 0; c < rows[r].size(); ++c) {
      columns[c].width = std::max(columns[c].width, width_of(rows[r][c]));
      if (r > 0) columns[c].right = columns[c].right && is_number(rows[r][c]);
    }
  }
  return columns;
}

std::string padded(const std::string& cell, const Column& column) {
  const std::string space(column.width - width_of(cell), ' ');
  return column.right ? space + cell : cell + space;
}

// Cells joined by `between`, with `left` before and `right` after.
std::string line(const std::vector<std::string>& row, const std::vector<Column>& columns, const char* left,
                 const char* between, const char* right) {
  std::string text = left;
  for (size_t c = 0; c < columns.size(); ++c)
    text += (c > 0 ? between : "") + padded(c < row.size() ? row[c] : "", columns[c]);
  text += right;
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

}  // namespace

std::string text_table(const std::vector<std::vector<std::string>>& table) {
  const Rows rows = cleaned(table);
  const std::vector<Column> columns = columns_of(rows);
  std::string text;
  for (size_t r = 0; r < rows.size(); ++r) {
    text += line(rows[r], columns, "", "  ", "");
    if (r > 0) continue;
    std::vector<std::string> rule;
    for (const Column& column : columns) {
      rule.emplace_back();
      for (size_t i = 0; i < column.width; ++i) rule.back() += "─";
    }
    text += line(rule, columns, "", "  ", "");
  }
  return text;
}

std::string markdown_table(const std::vector<std::vector<std::string>>& table) {
  Rows escaped = cleaned(table);
  for (auto& row : escaped) {
    for (auto& cell : row) {
      for (size_t at = 0; (at = cell.find('|', at)) != std::string::npos; at += 2) cell.insert(at, "\\");
    }
  }
  const std::vector<Column> columns = columns_of(escaped);
  std::string text;
  for (size_t r = 0; r < escaped.size(); ++r) {
    text += line(escaped[r], columns, "| ", " | ", " |");
    if (r > 0) continue;
    text += "|";
    for (const Column& column : columns) text += column.right ? " ---: |" : " --- |";
    text += "\n";
  }
  return text;
}

}  // namespace nxm
