// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "nxm/core/error.h"

namespace nxm {
namespace {

template <typename Exception, typename Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Exception& error) {
    return error.what();
  }
  return "no error";
}

TEST(Pattern, EveryPatternSurvivesPrintingAndParsing) {
  for (int of = 2; of <= 64; ++of) {
    for (int keep = 1; keep < of; ++keep) {
      for (const int share : {1, 2, 3, 16, 64}) {
        const Pattern pattern{keep, of, share};
        EXPECT_EQ(Pattern::parse(pattern.str()), pattern);
      }
    }
  }
  EXPECT_EQ(Pattern::parse("2:4").str(), "2:4");
  EXPECT_EQ(Pattern::parse("2:4x2").str(), "2:4x2");
  EXPECT_EQ(Pattern::parse("2:4x1").str(), "2:4");
  EXPECT_DOUBLE_EQ(Pattern::parse("3:8").density(), 0.375);
}

TEST(Pattern, RefusesEverythingElse) {
  for (const char* text : {"",
                           "2",
                           ":",
                           "2:",
                           ":4",
                           "2:4:8",
                           "2:4 ",
                           " 2:4",
                           "2:4x",
                           "2:4xx2",
                           "x",
                           "2x4",
                           "2:4x2x2",
                           "a:b",
                           "2.0:4",
                           "2:4.0",
                           "+2:4",
                           "0x2:4",
                           "2:99999999999999999999",
                           "2/4",
                           "2:4\n"}) {
    EXPECT_TRUE(message_of<UsageError>([&] { Pattern::parse(text); }).starts_with("[pattern] expected keep:of"))
        << text;
  }
  for (const char* text : {"4:2", "0:4", "4:4", "-2:4", "2:-4", "2:65", "64:65", "2:4x0", "2:4x65", "2:4x-1", "0:0"}) {
    EXPECT_NE(message_of<UsageError>([&] { Pattern::parse(text); }).find("is out of range"), std::string::npos) << text;
  }
  EXPECT_NE(message_of<UsageError>([] { Pattern::parse("4:2"); }).find("write 2:4?"), std::string::npos);
  EXPECT_LT(message_of<UsageError>([] { Pattern::parse(std::string(1 << 20, '7')); }).size(), 200U);
}

TEST(Pattern, FitsExactlyWhereItDivides) {
  for (int64_t rows = 0; rows <= 6; ++rows) {
    for (int64_t cols = 0; cols <= 12; ++cols) {
      for (const Pattern pattern : {Pattern{2, 4, 1}, Pattern{1, 3, 2}}) {
        const bool fits = cols % pattern.of == 0 && rows % pattern.share == 0;
        const std::string message = message_of<Error>([&] { pattern.check_fits("layer", rows, cols); });
        EXPECT_EQ(message == "no error", fits) << message;
      }
    }
  }
}

TEST(Pattern, NamesTheLayerItsSizeAndPatternsThatFit) {
  const auto message = [](const Pattern& pattern, int64_t rows, int64_t cols) {
    return message_of<Error>([&] { pattern.check_fits("encoder.0.w", rows, cols); });
  };
  EXPECT_EQ(message({2, 4, 1}, 16, 390),
            "[pattern] layer 'encoder.0.w' of shape [16, 390] cannot be 2:4: 4 does not divide its 390 columns. "
            "Patterns that fit: 1:2, 3:6, 5:10, 13:26, 15:30.");
  EXPECT_EQ(message({2, 4, 7}, 384, 384),
            "[pattern] layer 'encoder.0.w' of shape [384, 384] cannot be 2:4x7: 7 does not divide its 384 rows. "
            "Patterns that fit: 2:4x6, 1:2x6, 3:6x6, 4:8x6, 6:12x6.");
  EXPECT_EQ(message({2, 4, 1}, 8, 67),
            "[pattern] layer 'encoder.0.w' of shape [8, 67] cannot be 2:4: 4 does not divide its 67 columns. "
            "No group size from 2 to 64 fits: leave this layer out.");
}

TEST(Pattern, EveryPatternThatItSuggestsFits) {
  for (int64_t cols = 1; cols < 300; ++cols) {
    const std::string text = message_of<Error>([&] { Pattern{3, 64, 5}.check_fits("layer", 36, cols); });
    const size_t list = text.find("Patterns that fit: ");
    if (list == std::string::npos) continue;
    std::string rest = text.substr(list + 19);
    rest.back() = ',';
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      EXPECT_NO_THROW(Pattern::parse(rest.substr(0, comma)).check_fits("layer", 36, cols)) << text;
      rest.erase(0, comma + 2);
    }
  }
}

TEST(Pattern, AHandMadeImpossiblePatternIsTheCallersError) {
  EXPECT_THROW((Pattern{4, 4, 1}.check_fits("layer", 4, 4)), ContractError);
  EXPECT_THROW((Pattern{1, 2, 0}.check_fits("layer", 4, 4)), ContractError);
  EXPECT_THROW((Pattern{2, 4, 1}.check_fits("layer", -4, 4)), ContractError);
}

}  // namespace
}  // namespace nxm
