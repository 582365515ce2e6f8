// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/find_pattern.h"

#include <gtest/gtest.h>

#include <vector>

#include "nxm/core/projection.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

std::vector<float> random_weight(int64_t rows, int64_t cols, uint64_t seed) {
  Rng rng(seed, "find pattern");
  std::vector<float> weight(static_cast<size_t>(rows * cols));
  for (float& value : weight) value = static_cast<float>(rng.normal());
  return weight;
}

TEST(FindPattern, NamesWhatProjectionMade) {
  for (const char* text : {"1:4", "1:4x2", "1:2", "1:2x2", "2:4", "2:4x2", "4:8", "4:8x2", "8:16", "8:16x2"}) {
    const Pattern pattern = Pattern::parse(text);
    std::vector<float> weight = random_weight(32, 64, 1);
    const MatrixView<float> view{weight.data(), 32, 64};
    project(view, pattern, view, {}, text);
    EXPECT_EQ(find_pattern(view), pattern) << text;
  }
}

TEST(FindPattern, NoneForDenseOrBroken) {
  std::vector<float> weight = random_weight(32, 64, 2);
  const MatrixView<float> view{weight.data(), 32, 64};
  EXPECT_EQ(find_pattern(view), std::nullopt);
  project(view, {2, 4}, view, {}, "w");
  weight.back() = weight[weight.size() - 2] = weight[weight.size() - 3] = 1;
  EXPECT_NE(find_pattern(view), (Pattern{2, 4}));
  EXPECT_EQ(find_pattern(MatrixView<const float>{weight.data(), 31, 3}), std::nullopt);  // nothing fits
}

}  // namespace
}  // namespace nxm
