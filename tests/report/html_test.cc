// SPDX-License-Identifier: Apache-2.0
// A browser's and a parser's view of whole pages is in test_report_page.py.
#include "nxm/report/html.h"

#include <gtest/gtest.h>

#include <cmath>

namespace nxm {
namespace {

TEST(Html, NumbersAreExactInTheSourceAndLineUp) {
  const std::string text = html_table({"run", "score"}, {{{"a<b"}, number_cell(0.123456789012345678, 4)},
                                                         {{"c"}, number_cell(std::optional<double>(), 4)}});
  EXPECT_NE(text.find("<td class=n><data value=\"0.12345678901234568\">0.1235</data></td>"), text.npos) << text;
  EXPECT_NE(text.find("<td>a&lt;b</td>"), text.npos);
  EXPECT_NE(text.find("<td class=n>–</td>"), text.npos);
  EXPECT_EQ(percent_cell(0.5).text, "50.0 %");
  EXPECT_EQ(spread_cell(0.5, 0.01, 3).text, "0.500 ± 0.010");
}

TEST(Html, AFigureHasATitleALegendAndACaption) {
  Plot plot{.title = "T<", .x_title = "x", .y_title = "y", .series = {{"one", {{0, 1}}}, {"one", {{0, 2}}}}};
  plot.series[1].dashed = true;
  plot.solid = "kept", plot.dashed = "cut";
  const Figure figure{plot, "what to <see>"};
  const std::string text = html_section({.title = "s", .figures = {figure}});
  for (const char* part : {"<h3>T&lt;</h3>", "<svg ", "<ul class=legend>", "kept", "cut", "what to &lt;see&gt;"})
    EXPECT_NE(text.find(part), text.npos) << part;
  const std::string legend = text.substr(text.find("<ul"), text.find("</ul>") - text.find("<ul"));
  EXPECT_EQ(legend.find("one"), legend.rfind("one"));  // once for its two lines
  EXPECT_EQ(html_section({.title = "s", .figures = {{Plot{.title = "t"}, "c"}}}), "");
  EXPECT_EQ(html_section({.title = "s"}), "");
}

TEST(Html, ALegendHasOnlyWhatIsDrawn) {
  Plot plot{.title = "t",
            .log_y = true,
            .series = {{"seen", {{0, 1}}}, {"empty", {}}, {"zero", {{0, 0}}}, {"seen", {{0, std::nan("")}}}}};
  plot.series[3].dashed = true;
  plot.solid = "kept", plot.dashed = "cut";
  const std::string text = html_section({.title = "s", .figures = {{plot, "c"}}});
  EXPECT_NE(text.find("</svg>seen</li>"), text.npos) << text;
  EXPECT_NE(text.find("</svg>kept</li>"), text.npos) << text;
  for (const char* label : {"empty", "zero", "cut"}) EXPECT_EQ(text.find(label), text.npos) << label << "\n" << text;
  plot.series.erase(plot.series.begin());
  EXPECT_EQ(html_section({.title = "s", .figures = {{plot, "c"}}}), "");
}

TEST(Html, APageFetchesNothingAndRunsNothing) {
  const std::string page = html_page("a</title><script>", html_list({"<img src=x>"}) + html_details("<s>", ""));
  EXPECT_EQ(page.find("<script"), page.npos);
  EXPECT_EQ(page.find("<img"), page.npos);
  EXPECT_EQ(page.find("//"), page.npos);
  EXPECT_NE(page.find("default-src 'none'"), page.npos);
}

}  // namespace
}  // namespace nxm
