// SPDX-License-Identifier: Apache-2.0
// What tokenizers thinks of every code point is compared in test_unicode_parity.py.
#include "nxm/text/unicode.h"

#include "text/support.h"

namespace nxm {
namespace {

bool is_scalar(char32_t cp) { return cp < 0xD800 || (cp >= 0xE000 && cp < 0x110000); }

TEST(Unicode, EveryScalarValueIsReadAsItIsWritten) {
  std::string text;
  for (char32_t cp = 0; cp < 0x110000; ++cp) {
    if (!is_scalar(cp)) continue;
    text.clear();
    append_utf8(text, cp);
    const CodePoint read = decode_utf8(text, 0);
    ASSERT_EQ(read.value, cp);
    ASSERT_EQ(read.bytes, text.size());
    ASSERT_EQ(find_invalid_utf8(text), std::string_view::npos);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const CodePoint broken = decode_utf8(std::string_view(text).substr(0, cut), 0);
      ASSERT_EQ(broken.value, U'\uFFFD');
      ASSERT_EQ(broken.bytes, cut);
      ASSERT_EQ(find_invalid_utf8(std::string_view(text).substr(0, cut)), 0U);
    }
  }
}

// The examples of Unicode 15, tables 3-8 to 3-11, as the bytes that one U+FFFD stands for.
TEST(Unicode, BrokenBytesAreReplacedAsUnicodeRecommends) {
  const std::pair<std::string_view, std::vector<uint32_t>> cases[] = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", {1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", {2, 1, 3, 2, 1}},
  };
  for (const auto& [text, lengths] : cases) {
    size_t at = 0;
    for (const uint32_t length : lengths) {
      const CodePoint cp = decode_utf8(text, at);
      EXPECT_EQ(cp.bytes, length) << "at " << at;
      EXPECT_EQ(cp.value, static_cast<uint8_t>(text[at]) < 0x80 ? static_cast<char32_t>(text[at]) : U'\uFFFD');
      at += cp.bytes;
    }
    EXPECT_EQ(at, text.size());
  }
}

TEST(Unicode, ValidIsWhatSurvivesRewriting) {
  Rng rng(1, "unicode");
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_bytes(rng, rng.below(8), kUtf8Bytes);
    std::string rewritten;
    for (size_t at = 0; at < text.size();) {
      const CodePoint cp = decode_utf8(text, at);
      ASSERT_GE(cp.bytes, 1U);
      append_utf8(rewritten, cp.value);
      at += cp.bytes;
      ASSERT_LE(at, text.size());
    }
    EXPECT_EQ(find_invalid_utf8(text) == std::string_view::npos, rewritten == text);
    EXPECT_EQ(find_invalid_utf8(rewritten), std::string_view::npos);
  }
}

TEST(Unicode, ClassesDoNotOverlap) {
  for (char32_t cp = 0; cp < 0x110000; ++cp) {
    if (!is_scalar(cp)) continue;
    EXPECT_LE(is_punctuation(cp) + is_mark(cp) + is_ideograph(cp) + (is_whitespace(cp) || is_control(cp)), 1)
        << uint32_t{cp};
    const CodePoints parts = decompose(cp);
    for (uint32_t i = 0; i < parts.count; ++i) {
      const CodePoints again = decompose(parts.values[i]);
      EXPECT_EQ(again.count, 1U) << uint32_t{cp};
      EXPECT_EQ(again.values[0], parts.values[i]) << uint32_t{cp};
    }
  }
}

TEST(Unicode, LowerCaseKnowsNoContext) {
  EXPECT_EQ(to_lower(0x130).count, 2U);
  EXPECT_EQ(to_lower(0x130).values[0], U'i');
  EXPECT_EQ(to_lower(0x130).values[1], char32_t{0x307});
  EXPECT_EQ(to_lower(0x3A3).values[0], char32_t{0x3C3});
  EXPECT_EQ(to_lower(0x3C2).values[0], char32_t{0x3C2});
}

}  // namespace
}  // namespace nxm
