// SPDX-License-Identifier: Apache-2.0
#pragma once
// The optimiser's inner loops over plain arrays. Compiled for several vector widths and chosen at load; no checks.

#include <cstdint>

namespace nxm {

/// Scalars of one step, the same for every weight.
struct AdamWScalars {
  float beta1, beta2, epsilon;
  float step_size;       ///< lr / (1 - beta1^t)
  float second_scale;    ///< 1 / sqrt(1 - beta2^t)
  float decay;           ///< 1 - lr * weight_decay
  float gradient_scale;  ///< clipping: min(1, clip / norm)
  float rho;             ///< weight of the pull through the gradient
  float pull;            ///< decoupled pull of this step
};

/// One stretch of a parameter. `gradient` null = zero gradient; `target` null = no pull; `mask` null = all kept. Not
/// both a target and a mask.
struct AdamWArrays {
  float* weight;
  float* first;
  float* second;
  const float* gradient;
  const float* target;
  const uint8_t* mask;
  int64_t size;
};

/// g = scale * (gradient + rho (w - target)) * mask;  m, v as in AdamW;
/// w <- decay w - step_size m / (sqrt(v) second_scale + epsilon);  w <- w - pull (w - target);  w <- w * mask.
void adamw_update(const AdamWScalars& scalars, const AdamWArrays& arrays) noexcept;

/// Sums over the stretch: of squares of (gradient + rho (w - target)) * mask, and of (w - target)^2.
struct AdamWSums {
  double gradient = 0;
  double distance = 0;
};
AdamWSums adamw_sums(float rho, const AdamWArrays& arrays) noexcept;

/// ADMM's dual step and its residuals: u <- u + w - z, and the sums over the stretch of the squares of w, of w - z, of
/// z - z_before and of the new u.
struct DualArrays {
  const float* weight;
  const float* z;
  const float* z_before;
  float* u;
  int64_t size;
};
struct DualSums {
  double weight = 0, apart = 0, step = 0, u = 0;
  DualSums& operator+=(const DualSums& other) {
    weight += other.weight;
    apart += other.apart;
    step += other.step;
    u += other.u;
    return *this;
  }
};
DualSums dual_step(const DualArrays& arrays) noexcept;

}  // namespace nxm
