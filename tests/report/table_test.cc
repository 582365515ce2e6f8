// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/table.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "nxm/core/rng.h"

namespace nxm {
namespace {

TEST(Table, NumbersToTheRightWordsToTheLeft) {
  EXPECT_EQ(text_table({{"stage", "score", "x"}, {"dense", "0.861", "a"}, {"oneshot 2:4", "–", "b c"}}),
            "stage        score  x\n"
            "───────────  ─────  ───\n"
            "dense        0.861  a\n"
            "oneshot 2:4      –  b c\n");
}

TEST(Table, WideAndCombiningCharacters) {
  EXPECT_EQ(text_table({{"語", "n"}, {"日本語", "1"}, {"e\u0301", "-22"}, {"😀", "+3"}}),
            "語        n\n"
            "──────  ───\n"
            "日本語    1\n"
            "e\u0301       -22\n"
            "😀       +3\n");
}

TEST(Table, Markdown) {
  EXPECT_EQ(markdown_table({{"a", "score"}, {"x|y", "1"}, {"z"}}),
            "| a    | score |\n"
            "| --- | ---: |\n"
            "| x\\|y |     1 |\n"
            "| z    |       |\n");
}

TEST(Table, ControlCharactersAndBrokenUtf8DoNoHarm) {
  EXPECT_EQ(text_table({{"a\nb"}, {"\x1b[31m"}}), "a b\n─────\n [31m\n");
  Rng rng(1, "table");
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<std::vector<std::string>> rows(1 + rng.below(4));
    for (auto& row : rows) {
      row.resize(rng.below(4));
      for (std::string& cell : row) {
        for (uint64_t n = rng.below(6); n > 0; --n) cell += static_cast<char>(rng.below(256));
      }
    }
    const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
    EXPECT_EQ(lines(text_table(rows)), static_cast<int64_t>(rows.size()) + 1);
    EXPECT_EQ(lines(markdown_table(rows)), static_cast<int64_t>(rows.size()) + 1);
  }
  EXPECT_EQ(text_table({}), "");
  EXPECT_EQ(markdown_table({}), "");
}

// Without wide characters, every line of a table of full rows ends at the same column or before.
TEST(Table, ColumnsLineUp) {
  Rng rng(2, "table");
  for (int trial = 0; trial < 500; ++trial) {
    const uint64_t columns = 1 + rng.below(5);
    std::vector<std::vector<std::string>> rows(2 + rng.below(6), std::vector<std::string>(columns));
    for (auto& row : rows) {
      for (std::string& cell : row) cell = std::string(1 + rng.below(9), rng.below(2) == 0 ? '7' : 'x');
    }
    std::vector<size_t> widths(columns);
    for (const auto& row : rows) {
      for (size_t c = 0; c < columns; ++c) widths[c] = std::max(widths[c], row[c].size());
    }
    const std::string text = markdown_table(rows);
    size_t begin = 0;
    for (size_t r = 0; r <= rows.size(); ++r) {
      const std::string line = text.substr(begin, text.find('\n', begin) - begin);
      begin += line.size() + 1;
      if (r == 1) continue;  // the rule
      size_t at = 0;
      for (const size_t width : widths) {
        ASSERT_EQ(line[at], '|') << text;
        at += width + 3;
      }
      ASSERT_EQ(at + 1, line.size()) << text;
    }
  }
}

}  // namespace
}  // namespace nxm
