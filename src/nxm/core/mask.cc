// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/mask.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "nxm/core/error.h"
#include "nxm/core/widths.h"

namespace nxm {

namespace {

/// Groups of a weight that the pattern fits with more than `keep` non-zero columns, counted up to `enough`.
int64_t count_bad_groups(MatrixView<const float> weight, const Pattern& pattern, int64_t enough) {
  int64_t bad = 0;
  std::vector<uint8_t> used(static_cast<size_t>(weight.cols));  // columns that are non-zero in a row of the block
  for (int64_t block = 0; block < weight.rows; block += pattern.share) {
    std::ranges::fill(used, uint8_t{0});
    for (int64_t r = block; r < block + pattern.share; ++r) {
      const float* row = weight.row(r);
      for (size_t c = 0; c < used.size(); ++c) used[c] = static_cast<uint8_t>(used[c] | (row[c] != 0));  // NaN != 0
    }
    for (auto group = used.begin(); group != used.end(); group += pattern.of) {
      bad += std::accumulate(group, group + pattern.of, 0) > pattern.keep;
      if (bad == enough) return bad;
    }
  }
  return bad;
}

NXM_WIDTHS int64_t count_different(const uint8_t* a, const uint8_t* b, int64_t n) {
  constexpr int64_t kSome = 128;  // what a byte can count, so that GCC makes vectors of bytes
  int64_t different = 0;
  for (int64_t from = 0; from < n; from += kSome) {
    uint8_t some = 0;
    for (int64_t i = from; i < std::min(from + kSome, n); ++i) some = static_cast<uint8_t>(some + (a[i] != b[i]));
    different += some;
  }
  return different;
}

}  // namespace

PatternReport check_pattern(MatrixView<const float> weight, const Pattern& pattern) {
  pattern.check_fits("weight", weight.rows, weight.cols);
  PatternReport report;
  for (const float value : weight.flat()) report.non_zero += value != 0;
  report.bad_groups = count_bad_groups(weight, pattern, std::numeric_limits<int64_t>::max());
  report.groups = weight.rows / pattern.share * (weight.cols / pattern.of);
  return report;
}

bool keeps_pattern(MatrixView<const float> weight, const Pattern& pattern) {
  return pattern.fits(weight.rows, weight.cols) && count_bad_groups(weight, pattern, 1) == 0;
}

int64_t count_kept(ConstMaskView mask) {
  int64_t kept = 0;
  for (const uint8_t bit : mask.flat()) kept += bit;
  return kept;
}

int64_t hamming_distance(ConstMaskView a, ConstMaskView b) {
  require(a.rows == b.rows && a.cols == b.cols, "hamming_distance: masks of different shapes");
  return count_different(a.data, b.data, a.size());
}

void apply_mask(MatrixView<float> weight, ConstMaskView mask) {
  require(weight.rows == mask.rows && weight.cols == mask.cols, "apply_mask: weight and mask of different shapes");
  for (int64_t i = 0; i < weight.size(); ++i) weight.data[i] = mask.data[i] != 0 ? weight.data[i] : 0.0F;
}

}  // namespace nxm
