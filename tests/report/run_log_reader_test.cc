// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_log_reader.h"

#include <cmath>

#include "io/support.h"
#include "nxm/core/rng.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

using testing::TempFolder;

const std::string kGood = R"({"kind":"step","stage":"s","step":10,"loss":0.5})"
                          "\n";

RunRecord read(std::string_view text) {
  const TempFolder folder;
  write_file(folder / "run.jsonl", text);
  RunRecord run;
  read_run_log(folder / "run.jsonl", run);
  return run;
}

size_t losses(RunRecord& run) { return run.find("s") == nullptr ? 0 : run.find("s")->curves["loss"].points().size(); }

TEST(RunLogReader, DamagedLinesAreNamedAndTheRestIsRead) {
  for (const char* bad : {
           "{",
           "x",
           "[]",
           "{}",
           "null",
           "\xFF",
           R"({"kind":"step","stage":"s","step":"10","loss":1})",
           R"({"kind":"step","stage":"s","step":-1,"loss":1})",
           R"({"kind":"step","stage":3,"step":1,"loss":1})",
           R"({"kind":"step","stage":"","step":1,"loss":1})",
           R"({"kind":"step","stage":"s","step":1,"loss":"a"})",
           R"({"kind":"score","stage":"s","step":1,"of":"x","epoch":1,"score":1})",
           R"({"kind":"score","stage":"s","step":1,"of":"final","epoch":1,"score":1})",
           R"({"kind":"step","stage":"s","step":1,"step":2,"loss":1})",
       }) {
    RunRecord run = read(kGood + bad + "\n" + kGood);
    EXPECT_EQ(losses(run), 2U) << bad;
    ASSERT_EQ(run.problems.size(), 1U) << bad;
    EXPECT_NE(run.problems[0].find("1 damaged lines"), std::string::npos) << run.problems[0];
    EXPECT_NE(run.problems[0].find("line 2"), std::string::npos) << run.problems[0];
  }
}

TEST(RunLogReader, AnyCutLeavesTheWholeLines) {
  const std::string text = kGood + kGood + kGood;
  for (size_t size = 0; size <= text.size(); ++size) {
    SCOPED_TRACE(size);
    RunRecord run = read(std::string_view(text).substr(0, size));
    const size_t whole = size / kGood.size(), rest = size % kGood.size();
    const bool only_the_end_is_missing = rest == kGood.size() - 1;
    EXPECT_EQ(losses(run), whole + (only_the_end_is_missing ? 1 : 0));
    EXPECT_EQ(run.problems.size(), size == 0 || (rest > 0 && !only_the_end_is_missing) ? 1U : 0U);
  }
}

TEST(RunLogReader, NullIsAGap) {
  RunRecord run = read(R"({"kind":"step","stage":"s","step":1,"loss":null})"
                       "\n");
  ASSERT_EQ(losses(run), 1U);
  EXPECT_TRUE(std::isnan(run.find("s")->curves["loss"].points()[0].y));
  EXPECT_TRUE(run.problems.empty());
}

TEST(RunLogReader, LongLinesAndManyStagesAreBounded) {
  RunRecord run = read(kGood + std::string(3 * kLongestLine, 'a') + "\n" + kGood);
  EXPECT_EQ(losses(run), 2U);
  ASSERT_EQ(run.problems.size(), 1U);
  EXPECT_NE(run.problems[0].find("line 2"), std::string::npos);

  std::string text;
  for (size_t i = 0; i < 2 * kMostStages; ++i)
    text += fmt::format("{{\"kind\":\"step\",\"stage\":\"s{}\",\"step\":1,\"loss\":1}}\n", i);
  run = read(text);
  EXPECT_EQ(run.stages.size(), kMostStages);
  EXPECT_EQ(run.problems.size(), 1U);
}

TEST(RunLogReader, LinesAreThoseOfTheFileWhereverChunksEnd) {
  Rng rng(1, "lines");
  const TempFolder folder;
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<std::string> lines;
    std::string text;
    for (uint64_t i = 0; i < 1 + rng.below(20); ++i) {
      lines.emplace_back(1 + rng.below(30000), static_cast<char>('a' + rng.below(26)));
      text += lines.back() + "\n";
    }
    write_file(folder / "x", text);
    std::vector<std::string> read;
    EXPECT_TRUE(for_each_line(folder / "x", [&](size_t number, std::string_view line) {
      EXPECT_EQ(number, read.size() + 1);
      read.emplace_back(line);
    }));
    EXPECT_EQ(read, lines);
  }
}

}  // namespace
}  // namespace nxm
