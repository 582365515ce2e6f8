// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_log.h"

#include <sys/stat.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "io/support.h"
#include "nxm/core/rng.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

using testing::TempFolder;

TEST(RunLog, NumbersReadBackExactly) {
  const TempFolder folder;
  Rng rng(1, "run log");
  std::vector<double> values;
  {
    RunLog log(folder.path() / "run.jsonl", 0);
    for (int i = 0; i < 2000; ++i) {
      values.push_back(rng.normal() * std::pow(10.0, static_cast<double>(rng.below(600)) - 300));
      log.write({{"step", i}, {"loss", values.back()}});
    }
    log.sync();
    EXPECT_EQ(log.bytes(), std::filesystem::file_size(folder.path() / "run.jsonl"));
  }
  std::ifstream stream(folder.path() / "run.jsonl");
  std::string line;
  size_t count = 0;
  for (; std::getline(stream, line); ++count) {
    const Json json = parse_json(line, "run.jsonl");
    EXPECT_EQ(json["step"], count);
    EXPECT_EQ(json["loss"].get<double>(), values[count]);
  }
  EXPECT_EQ(count, values.size());
}

TEST(RunLog, EveryLineIsJson) {
  const TempFolder folder;
  RunLog log(folder.path() / "run.jsonl", 0);
  const double kInfinity = std::numeric_limits<double>::infinity();
  log.write({{"a", std::nan("")}, {"b", kInfinity}, {"c", -kInfinity}, {"d", "\xff\n\x01"}});
  const Json json = parse_json(read_file(folder.path() / "run.jsonl"), "run.jsonl");
  EXPECT_TRUE(json["a"].is_null() && json["b"].is_null() && json["c"].is_null());
  EXPECT_EQ(json["d"], "\xEF\xBF\xBD\n\x01");
}

// A run that was stopped anywhere and resumed leaves the same bytes.
TEST(RunLog, WhatFollowsTheCheckpointIsCutOff) {
  const auto write = [](RunLog& log, int from, int to) {
    for (int i = from; i < to; ++i) log.write({{"step", i}, {"loss", 1.0 / (i + 1)}});
  };
  const TempFolder folder;
  {
    RunLog log(folder.path() / "whole", 0);
    write(log, 0, 30);
  }
  Rng rng(2, "run log");
  for (int trial = 0; trial < 50; ++trial) {
    const int checkpoint = static_cast<int>(rng.below(30));
    uint64_t bytes = 0;
    {
      RunLog log(folder.path() / "resumed", 0);
      write(log, 0, checkpoint);
      bytes = log.bytes();
      write(log, checkpoint, checkpoint + static_cast<int>(rng.below(30)));
    }
    std::ofstream(folder.path() / "resumed", std::ios::app) << "{\"half a li";
    {
      RunLog log(folder.path() / "resumed", bytes);
      EXPECT_EQ(log.bytes(), bytes);
      write(log, checkpoint, 30);
    }
    ASSERT_EQ(read_file(folder.path() / "resumed"), read_file(folder.path() / "whole"));
  }
}

TEST(RunLog, RefusesALogThatIsNotTheCheckpoints) {
  const TempFolder folder;
  write_file(folder.path() / "short", "{}\n");
  EXPECT_THROW(RunLog(folder.path() / "short", 4), Error);
  EXPECT_EQ(read_file(folder.path() / "short"), "{}\n") << "left as it was";
  EXPECT_THROW(RunLog(folder.path() / "no" / "such", 0), Error);
  EXPECT_THROW(RunLog(folder.path(), 0), Error);
  ASSERT_EQ(mkfifo((folder.path() / "fifo").c_str(), 0600), 0);
  EXPECT_THROW(RunLog(folder.path() / "fifo", 0), Error);
}

}  // namespace
}  // namespace nxm
