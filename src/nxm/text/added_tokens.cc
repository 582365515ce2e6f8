// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/added_tokens.h"

#include <algorithm>
#include <utility>

#include "nxm/text/unicode.h"

namespace nxm {
namespace {

size_t end_of_spaces(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint cp = decode_utf8(text, at);
    if (!is_whitespace(cp.value)) break;
    at += cp.bytes;
  }
  return at;
}

// Where the white space that ends at `end` begins, not before `from`, which is the start of a character.
size_t begin_of_spaces(std::string_view text, size_t from, size_t end) {
  size_t begin = end;
  while (begin > from) {
    size_t at = begin - 1;
    while (at > from && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
    const CodePoint cp = decode_utf8(text, at);
    if (!is_whitespace(cp.value) || at + cp.bytes != begin) break;
    begin = at;
  }
  return begin;
}

}  // namespace

TokenMatcher::TokenMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  std::stable_sort(patterns_.begin(), patterns_.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
  const auto equal = [](const Pattern& a, const Pattern& b) { return a.text == b.text; };
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end(), equal), patterns_.end());
  for (const Pattern& pattern : patterns_) {
    auto shorter = static_cast<int32_t>(shorter_.size()) - 1;
    while (shorter >= 0 && !pattern.text.starts_with(patterns_[shorter].text)) shorter = shorter_[shorter];
    shorter_.push_back(shorter);
    begins_[static_cast<uint8_t>(pattern.text[0])] = true;
  }
}

// The longest pattern that `text` begins with. The last one that does not sort behind `text` begins with all of them.
const TokenMatcher::Pattern* TokenMatcher::longest(std::string_view text) const {
  const auto behind = std::upper_bound(patterns_.begin(), patterns_.end(), text,
                                       [](std::string_view t, const Pattern& pattern) { return t < pattern.text; });
  auto at = static_cast<int32_t>(behind - patterns_.begin()) - 1;
  while (at >= 0 && !text.starts_with(patterns_[at].text)) at = shorter_[at];
  return at < 0 ? nullptr : &patterns_[at];
}

TokenMatcher::Match TokenMatcher::next(std::string_view text, size_t at) const {
  for (size_t i = at; i < text.size(); ++i) {
    if (!begins_[static_cast<uint8_t>(text[i])]) continue;
    if (const Pattern* found = longest(text.substr(i))) {
      const size_t end = i + found->text.size();
      return {found->lstrip ? begin_of_spaces(text, at, i) : i, found->rstrip ? end_of_spaces(text, end) : end,
              found->id};
    }
  }
  return {text.size(), text.size(), 0};
}

}  // namespace nxm
