// SPDX-License-Identifier: Apache-2.0
#pragma once
// UTF-8 and the few questions that BERT's tokeniser asks about a code point, answered as Hugging Face's tokenizers does
// (its Unicode is of other versions than utf8proc's: unicode_delta.h). Not a general Unicode library.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nxm {

struct CodePoint {
  char32_t value;
  uint32_t bytes;  ///< that it took, at least 1
};

/// The code point at `at` < text.size(). Where the bytes are not UTF-8: U+FFFD for the longest start of a code point
/// that is there (Unicode 15, section 3.9, "substitution of maximal subparts"; Python's errors="replace").
CodePoint decode_utf8(std::string_view text, size_t at);
/// `cp` must be a scalar value.
void append_utf8(std::string& text, char32_t cp);
/// Place of the first byte that is not UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

bool is_whitespace(char32_t cp);   ///< the property White_Space
bool is_punctuation(char32_t cp);  ///< category P, and ASCII's symbols
bool is_control(char32_t cp);      ///< categories Cc, Cf, Co; not tab, line feed, carriage return
bool is_mark(char32_t cp);         ///< category Mn
bool is_ideograph(char32_t cp);    ///< the blocks that BERT puts spaces around
uint8_t combining_class(char32_t cp);

/// Up to four code points, the longest answer there is.
struct CodePoints {
  char32_t values[4];
  uint32_t count;
};
CodePoints decompose(char32_t cp);  ///< full canonical decomposition (NFD, before reordering)
CodePoints to_lower(char32_t cp);   ///< full lower case, without context (final sigma stays σ)

}  // namespace nxm
