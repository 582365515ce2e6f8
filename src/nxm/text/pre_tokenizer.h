// SPDX-License-Identifier: Apache-2.0
#pragma once
// BERT's words: what lies between white space, and every punctuation character by itself.

#include <cstddef>
#include <string_view>

namespace nxm {

struct Word {
  size_t begin, end;  ///< begin == end: there is no more
};

/// The first word at or after byte `at` of `text`, which is valid UTF-8.
Word next_word(std::string_view text, size_t at);

}  // namespace nxm
