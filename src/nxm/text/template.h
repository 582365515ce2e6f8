// SPDX-License-Identifier: Apache-2.0
#pragma once
// What surrounds a text's tokens: [CLS] a [SEP] b [SEP], and how many of them there is room for.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace nxm {

/// One place of a template: all tokens of the first or second text, or one special token.
struct TemplateItem {
  enum class Kind { kFirst, kSecond, kSpecial };
  Kind kind;
  int32_t type_id;
  int32_t id = 0;  ///< of the special token
};
using Template = std::vector<TemplateItem>;

size_t count_special(const Template& items);

/// How many of `a` and `b` tokens stay where there is `room` for so many: the longer text is cut first
/// ("longest_first"), and if both must be, to halves of the room, the longer one (or `b`, at the same length) getting
/// the odd token.
std::pair<size_t, size_t> longest_first(size_t a, size_t b, size_t room);

}  // namespace nxm
