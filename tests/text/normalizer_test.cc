// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/normalizer.h"

#include "nxm/text/unicode.h"
#include "text/support.h"

namespace nxm {
namespace {

Normalized normalized(std::string_view text, NormalizerOptions options = {}) {
  Normalized out;
  Normalizer(options).normalize(text, 0, out);
  return out;
}

constexpr NormalizerOptions kNothing{false, false, false, false};

TEST(Normalizer, Examples) {
  EXPECT_EQ(normalized("H\u00C9llo\tW\u00F6rld\u200B\u00A0!").text, "hello world !");
  EXPECT_EQ(normalized("a\u4E2D\u6587b").text, "a \u4E2D  \u6587 b");
  EXPECT_EQ(normalized("\u0130I\u0131").text, "ii\u0131");
  EXPECT_EQ(normalized("\u0130", {true, true, false, true}).text, "i\u0307");
  EXPECT_EQ(normalized("\u039F\u03A3", kNothing).text, "\u039F\u03A3");
  EXPECT_EQ(normalized("\u039F\u03A3").text, "\u03BF\u03C3");
  EXPECT_EQ(normalized("\uAC01").text, "\u1100\u1161\u11A8");
  EXPECT_EQ(normalized(std::string_view("a\0\x7F\uFFFD\xFF"
                                        "b",
                                        9))
                .text,
            "ab");
}

TEST(Normalizer, PiecesOfACharacterShareItsRange) {
  const Normalized out = normalized("x\uAC01\u00E9y");  // 1 + 3 + 2 + 1 bytes
  ASSERT_EQ(out.text, "x\u1100\u1161\u11A8ey");
  EXPECT_EQ(out.range(0, 1), ByteRange(0, 1));
  EXPECT_EQ(out.range(1, 4), ByteRange(1, 4));
  EXPECT_EQ(out.range(7, 10), ByteRange(1, 4));
  EXPECT_EQ(out.range(10, 11), ByteRange(4, 6));
  EXPECT_EQ(out.range(11, 12), ByteRange(6, 7));
}

TEST(Normalizer, ControlsDoNotPartMarks) {
  // U+302E (class 224, lasting) sorts behind U+1B44 (class 9, lasting) though a control stands between them.
  const std::string sorted = normalized("a\u302E\u1B44").text;
  EXPECT_EQ(sorted, "a\u1B44\u302E");
  for (const std::string_view control : {"\x01", "\u0085", "\uFFFD", "\x7F\xFF"}) {
    EXPECT_EQ(normalized("a\u302E" + std::string(control) + "\u1B44").text, sorted);
  }
}

TEST(Normalizer, AnyBytesGiveValidTextWithPlacesInOrder) {
  Rng rng(2, "normalizer");
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_bytes(rng, rng.below(24), kUtf8Bytes);
    const auto bits = rng.below(16);
    Normalized out;
    Normalizer({(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0}).normalize(text, 100, out);
    ASSERT_EQ(out.text.size(), out.origin.size());
    ASSERT_EQ(find_invalid_utf8(out.text), std::string_view::npos);
    uint32_t last = 100;
    for (const auto& [start, end] : out.origin) {
      ASSERT_LE(last, start);
      ASSERT_LT(start, end);
      ASSERT_LE(end, 100 + text.size());
      last = start;
    }
    if (bits == 0 && find_invalid_utf8(text) == std::string_view::npos) {
      EXPECT_EQ(out.text, text);
    }
  }
}

TEST(Normalizer, AppendsBehindWhatIsThere) {
  const Normalizer normalizer({});
  Normalized out;
  normalizer.normalize("AB", 0, out);
  normalizer.normalize("\u00C9", 7, out);
  EXPECT_EQ(out.text, "abe");
  EXPECT_EQ(out.range(0, 3), ByteRange(0, 9));
  out.clear();
  EXPECT_TRUE(out.text.empty() && out.origin.empty());
}

}  // namespace
}  // namespace nxm
