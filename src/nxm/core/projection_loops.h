// SPDX-License-Identifier: Apache-2.0
#pragma once
// The loops of the projection, once per instruction set they are compiled for. Internal to core (projection.h is the
// front); the tests and the benchmark run each variant.

#include <cstdint>
#include <span>
#include <string_view>

#include "nxm/core/mask.h"
#include "nxm/core/matrix_view.h"
#include "nxm/core/pattern.h"

namespace nxm {

/// What one call of `project` is about. Shapes agree and the pattern fits; out.data and mask.data may be null.
struct ProjectionJob {
  MatrixView<const float> w;
  Pattern pattern;
  MatrixView<float> out;
  MaskView mask;
  std::string_view layer;
};

struct ProjectionVariant {
  std::string_view name;
  /// Blocks begin…end-1 of pattern.share rows each. Throws Error at the first NaN.
  void (*project)(const ProjectionJob& job, int64_t begin, int64_t end);
};

/// Those that this machine can run, the best one first.
std::span<const ProjectionVariant> projection_variants();

}  // namespace nxm
