// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/template.h"

#include <gtest/gtest.h>

namespace nxm {
namespace {

// One token after the other leaves the longer text; of equal ones that which was not the longer at first.
std::pair<size_t, size_t> one_by_one(size_t a, size_t b, size_t room) {
  const bool first_was_longer = a > b;
  while (a + b > room) --((a == b ? !first_was_longer : a > b) ? a : b);
  return {a, b};
}

TEST(Template, LongestFirstEqualsOneByOne) {
  for (size_t a = 0; a < 24; ++a) {
    for (size_t b = 0; b < 24; ++b) {
      for (size_t room = 0; room < 50; ++room) {
        ASSERT_EQ(longest_first(a, b, room), one_by_one(a, b, room)) << a << ' ' << b << ' ' << room;
      }
    }
  }
}

TEST(Template, CountsSpecialTokens) {
  using Kind = TemplateItem::Kind;
  EXPECT_EQ(count_special({}), 0U);
  EXPECT_EQ(count_special({{Kind::kSpecial, 0, 1}, {Kind::kFirst, 0}, {Kind::kSpecial, 0, 2}, {Kind::kSecond, 1}}), 2U);
}

}  // namespace
}  // namespace nxm
