// SPDX-License-Identifier: Apache-2.0
// What TensorBoard's own reader says is in test_tensorboard.py; here is what happens when files cannot be written.
#include "nxm/report/tensorboard.h"

#include "io/support.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

TEST(TensorBoard, NamesTheFileAsTensorBoardLooksForIt) {
  const testing::TempFolder folder;
  const std::filesystem::path runs = folder.path() / "a" / "runs";
  TensorBoardWriter(runs).scalar("loss", 1, 1);
  for (const auto& entry : std::filesystem::directory_iterator(runs)) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("events.out.tfevents.")) << entry.path();
    // Two records of 12 + n + 4 bytes: the version, n = 9 + 2 + 13, and the scalar, n = 9 + 2 + 2 + (2 + (2 + 4) + 5).
    EXPECT_EQ(entry.file_size(), 16u + 24 + 16 + 26);
  }
}

TEST(TensorBoard, AFolderThatCannotBeIsAnError) {
  const testing::TempFolder folder;
  write_file(folder.path() / "file", "");
  EXPECT_THROW(TensorBoardWriter(folder.path() / "file" / "runs"), Error);
  EXPECT_THROW(TensorBoardWriter(folder.path() / "file"), Error);
}

}  // namespace
}  // namespace nxm
