// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/hub_names.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "nxm/core/rng.h"

namespace nxm {
namespace {

TEST(HubNames, Repositories) {
  for (const char* good : {"org/name", "name", "Foo-BAR_foo.bar123", "123", "a/b", "_x/y_"}) {
    EXPECT_TRUE(is_repo_name(good)) << good;
  }
  for (const char* bad : {"",   "/",  "org/", "/name", "a/b/c", ".repo", "repo.", "foo--bar", "a..b",        "foo.git",
                          "-x", "x-", "a b",  "a\\b",  "a/..",  "../a",  "a@b",   "a%2f",     "caf\xC3\xA9", "a\n"}) {
    EXPECT_FALSE(is_repo_name(bad)) << bad;
  }
  EXPECT_TRUE(is_repo_name(std::string(96, 'a') + "/" + std::string(96, 'b')));
  EXPECT_FALSE(is_repo_name(std::string(97, 'a')));
}

TEST(HubNames, Revisions) {
  for (const char* good : {"main", "v1.0", "refs/pr/2", "feature/a_b-c", "a@b", "0123abc"})
    EXPECT_TRUE(is_revision(good)) << good;
  for (const char* bad :
       {"",    "/main", "main/", "a//b", "..",  "a/../b", "a..b", ".hidden", "a/.b", "-x",      "x.lock",
        "a b", "a\x7F", "a\\b",  "a:b",  "a?b", "a*b",    "a[b",  "a~b",     "a^b",  "\xC3\xA9"}) {
    EXPECT_FALSE(is_revision(bad)) << bad;
  }
}

TEST(HubNames, Hashes) {
  EXPECT_TRUE(is_commit(std::string(40, 'a')));
  EXPECT_TRUE(is_sha256(std::string(64, '0')));
  EXPECT_FALSE(is_commit(std::string(39, 'a')));
  EXPECT_FALSE(is_commit(std::string(40, 'A')));
  EXPECT_FALSE(is_commit(std::string(40, 'g')));
  EXPECT_FALSE(is_sha256(std::string(40, 'a')));
}

// Whatever is accepted stays inside the folder it is put in.
TEST(HubNames, AcceptedNamesNeverLeaveTheFolder) {
  constexpr std::string_view kLetters = "./a-_b\\~ :%";
  Rng rng(7, "names");
  int accepted = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    for (uint64_t length = rng.below(9); text.size() < length;) text += kLetters[rng.below(kLetters.size())];
    for (const auto check : {is_repo_name, is_revision, is_etag, is_file_name}) {
      if (!check(text)) continue;
      ++accepted;
      const std::filesystem::path inside = (std::filesystem::path("/root") / text).lexically_normal();
      ASSERT_TRUE(inside.string().starts_with("/root/") && inside.string().size() > 6) << text;
      ASSERT_EQ(inside.string(), "/root/" + text) << "normalised to something else";
    }
    ASSERT_FALSE(is_etag(text) && text.find('/') != std::string::npos) << text;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace nxm
