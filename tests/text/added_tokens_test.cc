// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/added_tokens.h"

#include "text/support.h"

namespace nxm {
namespace {

TEST(TokenMatcher, FindsTheFirstAndLongest) {
  Rng rng(5, "added_tokens");
  for (int round = 0; round < 3000; ++round) {
    std::vector<TokenMatcher::Pattern> patterns;
    for (uint64_t n = rng.below(6); n > 0; --n) {
      patterns.push_back({random_bytes(rng, 1 + rng.below(5), "ab"), static_cast<int32_t>(n), false, false});
    }
    const TokenMatcher matcher(patterns);
    EXPECT_EQ(matcher.empty(), patterns.empty());
    const std::string text = random_bytes(rng, rng.below(20), "abc");
    for (size_t at = 0; at <= text.size(); ++at) {
      TokenMatcher::Match expected{text.size(), text.size(), 0};
      for (size_t i = at; i < text.size() && expected.begin == text.size(); ++i) {
        size_t longest = 0;
        for (const auto& pattern : patterns) {
          if (std::string_view(text).substr(i).starts_with(pattern.text) && pattern.text.size() > longest) {
            longest = pattern.text.size();
            expected = {i, i + longest, pattern.id};
          }
        }
      }
      const TokenMatcher::Match found = matcher.next(text, at);
      ASSERT_EQ(found.begin, expected.begin) << text;
      ASSERT_EQ(found.end, expected.end) << text;
      ASSERT_EQ(found.id, expected.id) << text;
    }
  }
}

TEST(TokenMatcher, TakesTheWhiteSpaceAroundAMatch) {
  const TokenMatcher matcher({{"x", 1, true, true}});
  const std::string text = "a \t\u3000x\u00A0 b \xE3\x80x";
  const TokenMatcher::Match first = matcher.next(text, 0);
  EXPECT_EQ(text.substr(first.begin, first.end - first.begin), " \t\u3000x\u00A0 ");
  EXPECT_EQ(matcher.next(text, 2).begin, 2U);  // not before where the search began
  const TokenMatcher::Match last = matcher.next(text, first.end);
  EXPECT_EQ(text.substr(last.begin, last.end - last.begin), "x");  // broken bytes are not white space
}

}  // namespace
}  // namespace nxm
