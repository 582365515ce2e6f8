// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/progress.h"

#include <gtest/gtest.h>

#include <string>

namespace nxm {
namespace {

TEST(Progress, Durations) {
  EXPECT_EQ(duration_text(0), "0:00");
  EXPECT_EQ(duration_text(-3), "0:00");
  EXPECT_EQ(duration_text(59.4), "0:59");
  EXPECT_EQ(duration_text(59.6), "1:00");
  EXPECT_EQ(duration_text(187), "3:07");
  EXPECT_EQ(duration_text(3765), "1:02:45");
  EXPECT_EQ(duration_text(360000), "100:00:00");
  EXPECT_FALSE(duration_text(1e300).empty());
}

TEST(Progress, CountsAndSizes) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(950), "950");
  EXPECT_EQ(count_text(999.4), "999");
  EXPECT_EQ(count_text(999.6), "1.0 k");
  EXPECT_EQ(count_text(12400), "12.4 k");
  EXPECT_EQ(count_text(999949), "999.9 k");
  EXPECT_EQ(count_text(999951), "1.0 M");
  EXPECT_EQ(count_text(3.1e6), "3.1 M");
  EXPECT_EQ(size_text(17), "17 B");
  EXPECT_EQ(size_text(1000), "1.0 kB");
  EXPECT_EQ(size_text(91.2e6), "91.2 MB");
  EXPECT_EQ(size_text(1.5e9), "1.5 GB");
  EXPECT_EQ(size_text(2.5e12), "2.5 TB");
  // No number ever has more than three digits before the point below the largest unit.
  for (double value = 1; value < 1e11; value *= 1.01) EXPECT_LE(count_text(value).size(), 7u) << value;
}

std::string drawn(Progress::Style style, int steps) {
  ::testing::internal::CaptureStderr();
  {
    Progress progress("dense 1/4", steps, style);
    for (int step = 1; step <= steps; ++step) progress.update(step, step * 100, 0.5);
    progress.note("a note");
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(Progress, SilentSaysNothing) { EXPECT_EQ(drawn(Progress::Style::kSilent, 50), ""); }

TEST(Progress, LinesArePlainAndFew) {
  const std::string text = drawn(Progress::Style::kLines, 50);
  EXPECT_TRUE(text.starts_with("dense 1/4: 50/50  loss 0.5000  ")) << text;
  EXPECT_NE(text.find("tok/s  ETA 0:00\na note\n"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, TheBarLeavesNothingBehind) {
  const std::string text = drawn(Progress::Style::kBar, 50);
  EXPECT_NE(text.find("dense 1/4 ████"), std::string::npos) << text;
  EXPECT_NE(text.find("\r\x1b[Ka note\n"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\x1b[K")) << text;
  EXPECT_EQ(text.find('\n'), text.rfind('\n')) << "only the note ends a line";
}

TEST(Progress, OddTotalsAreFine) {
  for (const int64_t total : {int64_t{0}, int64_t{1}, int64_t{-1}}) {
    ::testing::internal::CaptureStderr();
    {
      Progress progress("x", total, Progress::Style::kBar);
      for (int i = 0; i < 3; ++i) progress.update(5, 5, 0);
    }
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("5/"), std::string::npos);
  }
}

}  // namespace
}  // namespace nxm
