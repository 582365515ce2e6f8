// SPDX-License-Identifier: Apache-2.0
#pragma once
// Drives the tokenizer with any bytes. The first byte chooses tokenizer.json or vocab.txt and how long a text may be;
// then come the file, a byte 0x1E, the text, and perhaps another 0x1E and a second text. Shared by the fuzz target and
// the test that replays its corpus.

#include <cstdint>
#include <optional>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/text/tokenizer.h"

namespace nxm {

inline std::string_view take_until_separator(std::string_view& rest) {
  const size_t end = rest.find('\x1E');
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return taken;
}

inline void check_encoding(const Encoding& encoding, const Tokenizer& tokenizer, size_t longest_text) {
  require(encoding.ids.size() == encoding.type_ids.size() && encoding.ids.size() == encoding.offsets.size(), "sizes");
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    require(!tokenizer.id_to_token(encoding.ids[i]).empty(), "an id of a token");
    require(encoding.offsets[i].first <= encoding.offsets[i].second, "an end behind its start");
    require(encoding.offsets[i].second <= longest_text, "a place in the text");
  }
}

inline void tokenize_fuzzed(std::string_view input) {
  if (input.empty()) return;
  const auto choice = static_cast<uint8_t>(input[0]);
  std::string_view rest = input.substr(1);
  const std::string_view file = take_until_separator(rest);
  const std::string_view first = take_until_separator(rest);
  const auto second = rest.empty() ? std::nullopt : std::optional(rest);
  try {
    const Tokenizer tokenizer = (choice & 1) != 0 ? Tokenizer::from_tokenizer_json(file, "fuzz")
                                                  : Tokenizer::from_vocab(file, (choice & 2) != 0, "fuzz");
    const Encoding encoding = tokenizer.encode(first, second, choice >> 2);
    require(choice >> 2 == 0 || encoding.ids.size() <= size_t{choice} >> 2, "no longer than max_length");
    check_encoding(encoding, tokenizer, input.size());
    const Tokenizer again = Tokenizer::from_tokenizer_json(tokenizer.to_json(), "written");
    require(again.encode(first, second, choice >> 2).ids == encoding.ids, "the written tokenizer encodes the same");
  } catch (const Error&) {  // what bad input is for
  }
}

}  // namespace nxm
