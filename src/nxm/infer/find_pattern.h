// SPDX-License-Identifier: Apache-2.0
#pragma once
// Which N:M pattern a dense-stored weight keeps: what fine-tuning wrote is run sparse without being told.

#include <optional>

#include "nxm/core/matrix_view.h"
#include "nxm/core/pattern.h"

namespace nxm {

/// The first that holds of 1:4, 1:2, 2:4, 4:8, 8:16, each first as x2: the fewest values to store, then the cheapest
/// groups. None for a dense weight.
std::optional<Pattern> find_pattern(MatrixView<const float> weight);

}  // namespace nxm
