// SPDX-License-Identifier: Apache-2.0
#pragma once
// Masks: one byte a weight, 1 = kept, 0 = pruned. Counting, comparing and checking them. Not choosing them
// (projection.h).

#include <cstdint>
#include <vector>

#include "nxm/core/matrix_view.h"
#include "nxm/core/pattern.h"

namespace nxm {

using MaskView = MatrixView<uint8_t>;
using ConstMaskView = MatrixView<const uint8_t>;

/// What a weight matrix really holds, seen through a pattern.
struct PatternReport {
  int64_t non_zero = 0;    ///< weights that are not +-0
  int64_t bad_groups = 0;  ///< groups with more than `keep` non-zero columns (for xS: columns non-zero in any row)
  int64_t groups = 0;
  [[nodiscard]] bool valid() const { return bad_groups == 0; }
};

/// Counts; NaN counts as non-zero. Throws Error as Pattern::check_fits does.
PatternReport check_pattern(MatrixView<const float> weight, const Pattern& pattern);
/// check_pattern().valid(), and false where the pattern does not fit. Cost: ends with the first bad group.
bool keeps_pattern(MatrixView<const float> weight, const Pattern& pattern);

/// Number of ones.
int64_t count_kept(ConstMaskView mask);
/// Number of places in which two masks of the same shape differ. Throws ContractError on different shapes.
int64_t hamming_distance(ConstMaskView a, ConstMaskView b);
/// w <- w * mask with pruned weights exactly +0 (whatever they were, NaN included).
void apply_mask(MatrixView<float> weight, ConstMaskView mask);

}  // namespace nxm
