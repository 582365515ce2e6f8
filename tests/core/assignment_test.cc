// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"

namespace nxm {
namespace {

double total(const std::vector<float>& gain, const std::vector<int64_t>& to) {
  double sum = 0;
  for (size_t i = 0; i < to.size(); ++i) sum += gain[i * to.size() + static_cast<size_t>(to[i])];
  return sum;
}

TEST(Assignment, IsTheBestOfAllPermutations) {
  Rng rng(1, "assignment");
  for (int round = 0; round < 300; ++round) {
    const size_t n = rng.below(8);
    std::vector<float> gain(n * n);
    // Few values: ties; many: none.
    for (float& x : gain)
      x = round % 2 == 0 ? static_cast<float>(rng.below(4)) - 1 : static_cast<float>(1e3 * rng.normal());
    const auto size = static_cast<int64_t>(n);
    const std::vector<int64_t> found = best_assignment({gain.data(), size, size});
    std::vector<int64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    ASSERT_TRUE(std::is_permutation(found.begin(), found.end(), all.begin(), all.end()));
    double best = -1e30;
    do {
      best = std::max(best, total(gain, all));
    } while (std::next_permutation(all.begin(), all.end()));
    ASSERT_DOUBLE_EQ(total(gain, found), best) << "round " << round << ", n " << n;
  }
}

// Its certificate at a size that cannot be tried out: no cycle of three exchanges gains anything.
TEST(Assignment, NoExchangeOfTwoOrThreeIsBetter) {
  constexpr int64_t kSide = 60;
  Rng rng(2, "assignment");
  std::vector<float> gain(kSide * kSide);
  for (float& x : gain) x = static_cast<float>(rng.normal());
  const auto to = best_assignment({gain.data(), kSide, kSide});
  const auto at = [&](int64_t row, int64_t as) {
    return double{gain[static_cast<size_t>(row * kSide + to[static_cast<size_t>(as)])]};
  };
  for (int64_t a = 0; a < kSide; ++a) {
    for (int64_t b = 0; b < kSide; ++b) {
      for (int64_t c = 0; c < kSide; ++c) {
        if (a == b || b == c || a == c) continue;
        ASSERT_LE(at(a, b) + at(b, c) + at(c, a), at(a, a) + at(b, b) + at(c, c) + 1e-6);
      }
    }
  }
}

TEST(Assignment, RefusesWhatIsNotSquare) {
  const std::vector<float> gain(6);
  EXPECT_THROW(best_assignment({gain.data(), 2, 3}), ContractError);
}

}  // namespace
}  // namespace nxm
