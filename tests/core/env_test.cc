// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/env.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace nxm {
namespace {

constexpr const char* kName = "NXM_ENV_TEST";

TEST(Env, EmptyIsUnset) {
  unsetenv(kName);
  EXPECT_EQ(env::get(kName), std::nullopt);
  setenv(kName, "", 1);
  EXPECT_EQ(env::get(kName), std::nullopt);
  setenv(kName, " x ", 1);
  EXPECT_EQ(env::get(kName), " x ");
  unsetenv(kName);
}

TEST(Env, FlagsInAnyCaseAndNothingElse) {
  for (const char* yes : {"1", "ON", "on", "Yes", "true", "TRUE", "tRuE"}) {
    setenv(kName, yes, 1);
    EXPECT_TRUE(env::flag(kName)) << yes;
  }
  for (const char* no : {"", "0", "no", "off", "false", "2", "11", " 1", "y"}) {
    setenv(kName, no, 1);
    EXPECT_FALSE(env::flag(kName)) << no;
  }
  unsetenv(kName);
  EXPECT_FALSE(env::flag(kName));
}

TEST(Env, Home) {
  const std::string before = env::get("HOME").value_or("");
  setenv("HOME", "/somewhere", 1);
  EXPECT_EQ(env::home(), "/somewhere");
  unsetenv("HOME");
  EXPECT_EQ(env::home(), "/");
  if (!before.empty()) setenv("HOME", before.c_str(), 1);
}

}  // namespace
}  // namespace nxm
