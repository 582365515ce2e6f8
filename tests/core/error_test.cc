// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/error.h"

#include <gtest/gtest.h>

namespace nxm {
namespace {

TEST(Error, SaysWhereAndWhat) {
  try {
    fail("safetensors", "{}: {} bytes", "a.safetensors", 3);
    FAIL() << "no exception";
  } catch (const UsageError&) {
    FAIL() << "not the user's error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[safetensors] a.safetensors: 3 bytes");
  }
  EXPECT_THROW(fail_usage("recipe", "unknown key '{}'", "{}"), UsageError);
}

TEST(Error, RequireThrowsOnlyWhatIsBroken) {
  EXPECT_NO_THROW(require(true, "holds"));
  EXPECT_THROW(require(false, "does not hold"), ContractError);
}

}  // namespace
}  // namespace nxm
