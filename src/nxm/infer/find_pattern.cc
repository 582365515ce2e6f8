// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/find_pattern.h"

#include <algorithm>
#include <iterator>

#include "nxm/core/mask.h"

namespace nxm {
namespace {

constexpr Pattern kCandidates[] = {{1, 4, 2}, {1, 4},    {1, 2, 2}, {1, 2},     {2, 4, 2},
                                   {2, 4},    {4, 8, 2}, {4, 8},    {8, 16, 2}, {8, 16}};

}  // namespace

std::optional<Pattern> find_pattern(MatrixView<const float> weight) {
  const auto* const found =
      std::ranges::find_if(kCandidates, [&](const Pattern& pattern) { return keeps_pattern(weight, pattern); });
  return found == std::end(kCandidates) ? std::nullopt : std::optional(*found);
}

}  // namespace nxm
