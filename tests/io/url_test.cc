// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/url.h"

#include <gtest/gtest.h>

#include "nxm/core/error.h"

namespace nxm {
namespace {

TEST(Url, Parts) {
  const UrlParts parts = split_url("HTTPS://User:pw@Example.ORG/a?b#c");
  EXPECT_EQ(parts.scheme, "https");
  EXPECT_EQ(parts.host, "example.org");
  EXPECT_EQ(parts.port, "443");
  EXPECT_EQ(split_url("http://h:81").origin(), "http://h:81");
  EXPECT_EQ(split_url("http://h").origin(), split_url("http://H:80/").origin());
  EXPECT_NE(split_url("http://h").origin(), split_url("https://h").origin());
  EXPECT_NE(split_url("http://good.example@evil.example/").host, "good.example");
}

TEST(Url, WhatIsNotHttpIsRefused) {
  for (const char* url : {"", "x", "ftp://h/", "file:///etc/passwd", "http://", "javascript:1", "http://a b/"}) {
    EXPECT_THROW((void)split_url(url), Error) << url;
  }
}

TEST(Url, Resolves) {
  const std::string base = "https://h/a/b?q";
  EXPECT_EQ(resolve_url(base, "/c/d"), "https://h/c/d");
  EXPECT_EQ(resolve_url(base, "e"), "https://h/a/e");
  EXPECT_EQ(resolve_url(base, "//other/x"), "https://other/x");
  EXPECT_EQ(resolve_url(base, "http://other:8/x?y=%2F"), "http://other:8/x?y=%2F");
  EXPECT_THROW((void)resolve_url(base, "http://a b/"), Error);
}

TEST(Url, SecretsAreNotPrinted) {
  EXPECT_EQ(printable_url("https://user:secret@h/a%20b?X-Signature=secret#secret"), "https://h/a%20b");
  EXPECT_EQ(printable_url("secret"), "(not a URL)");
}

TEST(Url, Encodes) {
  EXPECT_EQ(percent_encode("refs/pr/2"), "refs%2Fpr%2F2");
  EXPECT_EQ(percent_encode("a/b c+\xC3\xA9~", "/"), "a/b%20c%2B%C3%A9~");
}

}  // namespace
}  // namespace nxm
