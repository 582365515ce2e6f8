// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/escape.h"

#include <gtest/gtest.h>

#include "nxm/core/rng.h"

namespace nxm {
namespace {

TEST(Escape, WhatHtmlReadsIsNamed) {
  EXPECT_EQ(escaped("a<b>&\"c'"), "a&lt;b&gt;&amp;&quot;c&#39;");
  EXPECT_EQ(escaped("é 語 😀"), "é 語 😀");
  EXPECT_EQ(escaped(std::string_view("a\0b\nc\x1b", 6)), "a b c ");
}

TEST(Escape, WhatIsNotUtf8OrTurnsTheTextRoundIsReplaced) {
  for (const char* bytes : {"\x80", "\xFF", "\xC3", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x80"}) {
    EXPECT_NE(escaped(bytes).find("\xEF\xBF\xBD"), std::string::npos) << bytes;
    EXPECT_EQ(escaped(bytes).find(bytes), std::string::npos);
  }
  EXPECT_EQ(escaped("a\xE2\x80\xAE"
                    "b"),
            "a\xEF\xBF\xBD"
            "b");  // U+202E
  EXPECT_EQ(escaped("\xC2\x85"), "\xEF\xBF\xBD");
}

TEST(Escape, NoBytesWhateverMakeMarkup) {
  Rng rng(1, "escape");
  for (int trial = 0; trial < 5000; ++trial) {
    std::string text;
    for (uint64_t i = 0; i < rng.below(30); ++i) text += static_cast<char>(rng.below(256));
    EXPECT_EQ(escaped(text).find_first_of("<>\"'"), std::string::npos);
  }
}

}  // namespace
}  // namespace nxm
