// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/pre_tokenizer.h"

#include <array>

#include "nxm/text/unicode.h"

namespace nxm {
namespace {

enum class CharKind : uint8_t { kLetter, kSpace, kPunctuation };

CharKind kind_of(char32_t cp) {
  if (is_whitespace(cp)) return CharKind::kSpace;
  return is_punctuation(cp) ? CharKind::kPunctuation : CharKind::kLetter;
}

const std::array<CharKind, 128> kAscii = [] {
  std::array<CharKind, 128> kinds{};
  for (char32_t c = 0; c < kinds.size(); ++c) kinds[c] = kind_of(c);
  return kinds;
}();

struct Step {
  CharKind kind;
  size_t bytes;
};

Step step_at(std::string_view text, size_t at) {
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte < 0x80) return {kAscii[byte], 1};
  const CodePoint cp = decode_utf8(text, at);
  return {kind_of(cp.value), cp.bytes};
}

}  // namespace

Word next_word(std::string_view text, size_t at) {
  Step step{};
  while (at < text.size() && (step = step_at(text, at)).kind == CharKind::kSpace) at += step.bytes;
  if (at >= text.size()) return {at, at};
  const size_t begin = at;
  at += step.bytes;
  if (step.kind == CharKind::kPunctuation) return {begin, at};
  while (at < text.size() && (step = step_at(text, at)).kind == CharKind::kLetter) at += step.bytes;
  return {begin, at};
}

}  // namespace nxm
