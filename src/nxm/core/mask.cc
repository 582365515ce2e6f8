// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/mask.h"

#include "nxm/core/error.h"

namespace nxm {

PatternReport check_pattern(MatrixView<const float> weight, const Pattern& pattern) {
  pattern.check_fits("weight", weight.rows, weight.cols);
  PatternReport report;
  std::vector<uint8_t> used(static_cast<size_t>(weight.cols));  // columns that are non-zero in a row of the block
  for (int64_t block = 0; block < weight.rows; block += pattern.share) {
    used.assign(used.size(), 0);
    for (int64_t r = block; r < block + pattern.share; ++r) {
      const float* row = weight.row(r);
      for (size_t c = 0; c < used.size(); ++c) {
        const bool non_zero = row[c] != 0;  // NaN != 0
        report.non_zero += non_zero;
        used[c] = static_cast<uint8_t>(used[c] | non_zero);
      }
    }
    for (size_t group = 0; group < used.size(); group += static_cast<size_t>(pattern.of)) {
      int count = 0;
      for (size_t c = group; c < group + static_cast<size_t>(pattern.of); ++c) count += used[c];
      report.bad_groups += count > pattern.keep;
      ++report.groups;
    }
  }
  return report;
}

int64_t count_kept(ConstMaskView mask) {
  int64_t kept = 0;
  for (const uint8_t bit : mask.flat()) kept += bit;
  return kept;
}

int64_t hamming_distance(ConstMaskView a, ConstMaskView b) {
  require(a.rows == b.rows && a.cols == b.cols, "hamming_distance: masks of different shapes");
  int64_t different = 0;
  for (int64_t i = 0; i < a.size(); ++i) different += a.data[i] != b.data[i];
  return different;
}

void apply_mask(MatrixView<float> weight, ConstMaskView mask) {
  require(weight.rows == mask.rows && weight.cols == mask.cols, "apply_mask: weight and mask of different shapes");
  for (int64_t i = 0; i < weight.size(); ++i) weight.data[i] = mask.data[i] != 0 ? weight.data[i] : 0.0F;
}

}  // namespace nxm
