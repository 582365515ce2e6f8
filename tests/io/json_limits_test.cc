// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/json_limits.h"

#include "io/support.h"

namespace nxm {
namespace {

using testing::expect_error;

TEST(CheckTokens, LongestAllowedAndOneMore) {
  const std::string longest = "\"" + std::string(kMaxJsonToken - 1, 'x') + "\"";  // the opening quote counts
  EXPECT_NO_THROW(check_tokens("[" + longest + "," + longest + "]", "f"));
  expect_error([&] { check_tokens("[\"x" + longest.substr(1) + "]", "f"); },
               {"[f]", "above 2097152 bytes", "at byte 1"});
}

TEST(CheckTokens, OtherShapesOfLongTokens) {
  const std::string digits(kMaxJsonToken + 1, '1');
  expect_error([&] { check_tokens("[1, " + digits, "f"); }, {"at byte 4"});
  expect_error([&] { check_tokens("\"" + digits, "f"); }, {"at byte 0"});  // never closed
  std::string escapes = "\"";
  while (escapes.size() <= kMaxJsonToken) escapes += "\\\"";  // escaped quotes do not end a string
  expect_error([&] { check_tokens(escapes, "f"); }, {"at byte 0"});
  EXPECT_NO_THROW(check_tokens("\"\\", "f"));
  EXPECT_NO_THROW(check_tokens(std::string(2 * kMaxJsonToken, ' ') + std::string(2 * kMaxJsonToken, '['), "f"));
}

TEST(JsonBudget, SumIsBounded) {
  JsonBudget budget("f");
  budget.spend(kMaxJsonMemory - 1);
  budget.spend(1);
  expect_error([&] { budget.spend(1); }, {"[f]", "at most 56 MiB"});
}

TEST(FailJson, DropsTheParsersDecoration) {
  expect_error(
      [] { fail_json("f", 7, "[json.exception.parse_error.101] parse error at line 1: bad; last read: '\x01'"); },
      {"[f] expected JSON, stopped at byte 7: bad. Correct"});
}

}  // namespace
}  // namespace nxm
