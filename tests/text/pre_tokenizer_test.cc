// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/pre_tokenizer.h"

#include <vector>

#include "nxm/text/unicode.h"
#include "text/support.h"

namespace nxm {
namespace {

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  for (Word word = next_word(text, 0); word.begin < word.end; word = next_word(text, word.end)) {
    found.emplace_back(text.substr(word.begin, word.end - word.begin));
  }
  return found;
}

TEST(PreTokenizer, Examples) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(words(""), Words{});
  EXPECT_EQ(words(" \u3000\t\n"), Words{});
  EXPECT_EQ(words("isn't it?!"), (Words{"isn", "'", "t", "it", "?", "!"}));
  EXPECT_EQ(words("$5+\u00AB\u4E2D\u00BB\u00B7"), (Words{"$", "5", "+", "\u00AB", "\u4E2D", "\u00BB", "\u00B7"}));
}

TEST(PreTokenizer, WordsAndSpacesAreTheWholeText) {
  Rng rng(3, "pre_tokenizer");
  for (int i = 0; i < 5000; ++i) {
    std::string text, without_spaces, joined;
    for (uint64_t n = rng.below(20); n > 0; --n) {
      const auto cp = static_cast<char32_t>(rng.below(2) != 0 ? rng.below(0x80) : rng.below(0xD800));
      append_utf8(text, cp);
      if (!is_whitespace(cp)) append_utf8(without_spaces, cp);
    }
    for (const std::string& word : words(text)) {
      joined += word;
      for (size_t at = 0; at < word.size();) {
        const CodePoint cp = decode_utf8(word, at);
        EXPECT_FALSE(is_whitespace(cp.value));
        if (is_punctuation(cp.value)) {
          EXPECT_EQ(word.size(), cp.bytes) << word;
        }
        at += cp.bytes;
      }
    }
    EXPECT_EQ(joined, without_spaces);
  }
}

}  // namespace
}  // namespace nxm
