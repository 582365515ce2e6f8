// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/append.h"

#include <fcntl.h>
#include <unistd.h>

#include "io/support.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

TEST(Append, GoesOnWhereTheFileEnds) {
  const testing::TempFolder folder;
  const std::filesystem::path path = folder.path() / "x";
  std::string expected;
  for (int i = 0; i < 3; ++i) {
    const int fd = open_append(path);
    const std::string piece(static_cast<size_t>(100000 * i + 1), static_cast<char>('a' + i));
    append(fd, path, piece);
    sync_append(fd, path);
    close(fd);
    expected += piece;
  }
  EXPECT_EQ(read_file(path), expected);
}

TEST(Append, FailedSystemCallsNameTheFile) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full < 0) GTEST_SKIP() << "no /dev/full here";
  try {
    append(full, "run.jsonl", "x");
    ADD_FAILURE() << "wrote to a full device";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("run.jsonl"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("No space left"), std::string::npos) << error.what();
  }
  close(full);
  EXPECT_THROW(append(-1, "x", "x"), Error);
  EXPECT_THROW(sync_append(-1, "x"), Error);
  EXPECT_THROW(open_append("/dev/full"), Error);
}

}  // namespace
}  // namespace nxm
