// SPDX-License-Identifier: Apache-2.0
#pragma once
// The Euclidean projection onto N:M-sparse matrices: the Z-step of ADMM, and magnitude pruning.

#include <string_view>

#include "nxm/core/mask.h"
#include "nxm/core/matrix_view.h"
#include "nxm/core/pattern.h"
#include "nxm/core/thread_pool.h"

namespace nxm {

/// out = argmin over N:M-sparse Z of ||Z - w||_F: in each group the `keep` columns with the largest sum of squares over
/// the rows that share the choice stay as they are (for share 1: the largest magnitudes), the others become +0.
/// Shapes: w, out (O, I); `out` may be `w`; mask (O, I) is written unless its data is null.
/// Numerics: exact. Share 1 compares |w|, so denormals count; share > 1 compares sums of squares in double. Ties go to
/// the lowest column; -0 equals 0. The mask always holds exactly `keep` ones a group.
/// Threads: splits the rows over `pool` (null: the calling thread); the result does not depend on it.
/// Throws Error naming `layer` if a weight is NaN or the pattern does not fit; then nothing in `out` may be used.
void project(MatrixView<const float> w, const Pattern& pattern, MatrixView<float> out, MaskView mask,
             std::string_view layer, ThreadPool* pool = nullptr);

/// The mask that `project` would choose if the weights were `scores` (Wanda's |w|*norm, say): their signs do not count,
/// and a NaN is an Error.
void choose_mask(MatrixView<const float> scores, const Pattern& pattern, MaskView mask, std::string_view layer,
                 ThreadPool* pool = nullptr);

}  // namespace nxm
