// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/find_pattern.h"

#include <algorithm>
#include <iterator>

namespace nxm {
namespace {

constexpr Pattern kCandidates[] = {{1, 4, 2}, {1, 4},    {1, 2, 2}, {1, 2},     {2, 4, 2},
                                   {2, 4},    {4, 8, 2}, {4, 8},    {8, 16, 2}, {8, 16}};

/// Columns of the group at `first` that are not zero in one of the rows that share its choice.
int columns_used(const float* first, int64_t stride, const Pattern& pattern) {
  int used = 0;
  for (int c = 0; c < pattern.of; ++c) {
    bool any = false;
    for (int r = 0; r < pattern.share; ++r) any = any || first[r * stride + c] != 0;
    used += any;
  }
  return used;
}

}  // namespace

bool keeps_pattern(MatrixView<const float> weight, const Pattern& pattern) {
  if (weight.cols % pattern.of != 0 || weight.rows % pattern.share != 0) return false;
  for (int64_t r = 0; r < weight.rows; r += pattern.share) {
    for (int64_t c = 0; c < weight.cols; c += pattern.of) {
      if (columns_used(weight.row(r) + c, weight.cols, pattern) > pattern.keep) return false;
    }
  }
  return true;
}

std::optional<Pattern> find_pattern(MatrixView<const float> weight) {
  const auto* const found =
      std::ranges::find_if(kCandidates, [&](const Pattern& pattern) { return keeps_pattern(weight, pattern); });
  return found == std::end(kCandidates) ? std::nullopt : std::optional(*found);
}

}  // namespace nxm
