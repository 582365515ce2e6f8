// SPDX-License-Identifier: Apache-2.0
#pragma once
// The linear assignment problem: who goes where, if everybody goes somewhere.

#include <cstdint>
#include <vector>

#include "nxm/core/matrix_view.h"

namespace nxm {

/// The permutation c that maximises sum_r gain(r, c[r]), for a square, finite gain (n, n). Of equally good ones any,
/// but always the same. Cost O(n^3) at most; sums in f64.
/// Source: shortest augmenting paths with dual prices (Kuhn 1955; Jonker, Volgenant 1987).
std::vector<int64_t> best_assignment(MatrixView<const float> gain);

}  // namespace nxm
