// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/escape.h"

#include <cstdint>

namespace nxm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Character {
  uint32_t code;
  size_t bytes;  // 0: not UTF-8
};

// The character that `text` begins with; no overlong forms, no surrogates, nothing above U+10FFFF.
Character first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {0, 0};
  uint32_t code = lead & (0xFFU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if (next >> 6 != 2) return {0, 0};
    code = code << 6 | (next & 0x3FU);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool whole = code >= kLeast[bytes] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  return {code, whole ? bytes : 0};
}

bool steers(uint32_t code) {
  return code == 0x7F || (code >= 0x80 && code < 0xA0) || code == 0x200E || code == 0x200F ||
         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069) || (code & 0xFFFE) == 0xFFFE;
}

std::string_view entity(uint32_t code) {
  switch (code) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_of(text);
    const std::string_view name = entity(character.code);
    if (character.bytes == 0 || steers(character.code)) {
      out += kReplacement;
    } else if (character.code < 0x20) {
      out += ' ';
    } else {
      out += name.empty() ? text.substr(0, character.bytes) : name;
    }
    text.remove_prefix(character.bytes == 0 ? 1 : character.bytes);
  }
  return out;
}

}  // namespace nxm
