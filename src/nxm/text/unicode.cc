// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "nxm/text/unicode_delta.h"

namespace nxm {
namespace {

// The range of `table` (ascending) that holds `cp`, or nullptr.
template <typename Range, size_t N>
const Range* find_range(const Range (&table)[N], char32_t cp) {
  const Range* found = std::lower_bound(std::begin(table), std::end(table), cp,
                                        [](const Range& range, char32_t value) { return range.last < value; });
  return found != std::end(table) && found->first <= cp ? found : nullptr;
}

utf8proc_int32_t signed_cp(char32_t cp) { return static_cast<utf8proc_int32_t>(cp); }

utf8proc_category_t category(char32_t cp) {
  switch (cp) {  // their category has changed since
    case 0x166D:
    case 0x111C9:
      return UTF8PROC_CATEGORY_PO;
    case 0x1734:
      return UTF8PROC_CATEGORY_MN;
    default:
      return find_range(kWithoutCategory, cp) ? UTF8PROC_CATEGORY_LO : utf8proc_category(signed_cp(cp));
  }
}

bool is_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// How long a code point with this first byte is (0: no such), and what its second byte must lie between.
struct Lead {
  uint32_t bytes;
  uint8_t low, high;
};
Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};  // a continuation byte, or an overlong form
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};  // not overlong
  if (byte == 0xED) return {3, 0x80, 0x9F};  // not a surrogate
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};  // not overlong
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};  // not above U+10FFFF
  return {0, 0, 0};
}

constexpr char32_t kReplacement = 0xFFFD;
// A lead byte's payload bits, by the code point's length.
constexpr uint8_t kLeadMask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};

}  // namespace

CodePoint decode_utf8(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const Lead lead = lead_of(first);
  if (lead.bytes == 0) return {kReplacement, 1};
  char32_t value = first & kLeadMask[lead.bytes];
  for (uint32_t i = 1; i < lead.bytes; ++i) {
    const auto byte = at + i < text.size() ? static_cast<uint8_t>(text[at + i]) : uint8_t{0};
    const bool fits = i == 1 ? byte >= lead.low && byte <= lead.high : is_continuation(static_cast<char>(byte));
    if (!fits) return {kReplacement, i};
    value = value << 6 | (byte & 0x3F);
  }
  return {value, lead.bytes};
}

void append_utf8(std::string& text, char32_t cp) {
  utf8proc_uint8_t bytes[4];
  const auto count = utf8proc_encode_char(signed_cp(cp), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
}

size_t find_invalid_utf8(std::string_view text) {
  constexpr size_t kBytesOfReplacement = 3;  // fewer, and U+FFFD was not in the text
  for (size_t at = 0; at < text.size();) {
    const CodePoint cp = decode_utf8(text, at);
    if (cp.value == kReplacement && (cp.bytes < kBytesOfReplacement || text.substr(at, 3) != "\xEF\xBF\xBD")) return at;
    at += cp.bytes;
  }
  return std::string_view::npos;
}

bool is_whitespace(char32_t cp) {
  if (cp < 0x80) return cp == ' ' || (cp >= '\t' && cp <= '\r');
  return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
         cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

bool is_punctuation(char32_t cp) {
  if (cp < 0x80)
    return cp > ' ' && cp < 0x7F && !(cp >= '0' && cp <= '9') && !((cp | 0x20) >= 'a' && (cp | 0x20) <= 'z');
  const auto of = category(cp);
  return of >= UTF8PROC_CATEGORY_PC && of <= UTF8PROC_CATEGORY_PO;
}

bool is_control(char32_t cp) {
  if (cp == '\t' || cp == '\n' || cp == '\r') return false;
  const auto of = category(cp);
  return of == UTF8PROC_CATEGORY_CC || of == UTF8PROC_CATEGORY_CF || of == UTF8PROC_CATEGORY_CO;
}

bool is_mark(char32_t cp) { return category(cp) == UTF8PROC_CATEGORY_MN; }

bool is_ideograph(char32_t cp) {
  // 2B820 to 2B91F are ideographs too, but neither BERT nor tokenizers has ever treated them so.
  static constexpr CodePointRange kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                               {0x20000, 0x2A6DF}, {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF},
                                               {0x2F800, 0x2FA1F}};
  return cp >= kBlocks[0].first && find_range(kBlocks, cp);
}

uint8_t combining_class(char32_t cp) {
  const auto ccc = utf8proc_get_property(signed_cp(cp))->combining_class;
  return ccc == 0 || find_range(kWithoutCombiningClass, cp) ? uint8_t{0} : static_cast<uint8_t>(ccc);
}

CodePoints decompose(char32_t cp) {
  if (cp == 0x11938) return {{cp}, 1};  // younger than tokenizers' decompositions
  utf8proc_int32_t buffer[4];           // canonical decompositions are at most four long (U+1F82)
  int last = 0;
  const auto count = utf8proc_decompose_char(signed_cp(cp), buffer, 4, UTF8PROC_DECOMPOSE, &last);
  CodePoints all{{}, static_cast<uint32_t>(count)};
  std::copy_n(buffer, count, all.values);
  return all;
}

CodePoints to_lower(char32_t cp) {
  if (cp == 0x130) return {{'i', 0x307}, 2};
  if (const LowerRange* range = find_range(kYoungLower, cp)) return {{cp - range->first + range->lower_of_first}, 1};
  return {{static_cast<char32_t>(utf8proc_tolower(signed_cp(cp)))}, 1};
}

}  // namespace nxm
