// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/workspace.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

namespace nxm {
namespace {

TEST(Workspace, PiecesAreAlignedAndDisjoint) {
  Workspace workspace;
  const auto pieces = workspace.take<4>({100, 0, 64, 1});
  for (std::byte* piece : pieces) EXPECT_EQ(reinterpret_cast<uintptr_t>(piece) % Workspace::kAlign, 0U);
  EXPECT_EQ(pieces[1] - pieces[0], 128);
  EXPECT_EQ(pieces[2], pieces[1]);
  EXPECT_EQ(pieces[3] - pieces[2], 64);
  std::memset(pieces[0], 1, 100);
  std::memset(pieces[3], 2, 1);
}

TEST(Workspace, GrowsAndStays) {
  Workspace workspace;
  EXPECT_EQ(workspace.bytes(), 0U);
  std::byte* large = workspace.take<1>({1000})[0];
  EXPECT_EQ(workspace.bytes(), 1024U);
  EXPECT_EQ(workspace.take<2>({10, 20})[0], large);
  EXPECT_EQ(workspace.bytes(), 1024U);
  workspace.take<1>({5000});
  EXPECT_EQ(workspace.bytes(), 5056U);
}

}  // namespace
}  // namespace nxm
