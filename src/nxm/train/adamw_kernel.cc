// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/adamw_kernel.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/widths.h"

namespace nxm {
namespace {

// Sums run in this many independent lanes, so that they vectorise without reordering.
constexpr int kLanes = 16;

/// add(i, lane) for each i. Always inlined, as the loops below.
template <typename F>
__attribute__((always_inline)) inline void in_lanes(int64_t size, const F& add) {
  const int64_t whole = size / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
  }
  for (int64_t i = whole; i < size; ++i) add(i, static_cast<int>(i - whole));
}

}  // namespace

NXM_WIDTHS void adamw_update(const AdamWScalars& scalars, const AdamWArrays& arrays) noexcept {
  const AdamWScalars s = scalars;
  float* __restrict weight = arrays.weight;
  float* __restrict first = arrays.first;
  float* __restrict second = arrays.second;
  const float* __restrict gradient = arrays.gradient;
  const float* __restrict target = arrays.target;
  const uint8_t* __restrict mask = arrays.mask;
  // Always inlined, or it would be compiled once, without vectors, and called for each element.
  const auto update = [&](int64_t i, float g, float pulled_to, float pull, float kept) __attribute__((always_inline)) {
    const float w = weight[i];
    g *= s.gradient_scale * kept;
    const float m = s.beta1 * first[i] + (1 - s.beta1) * g;
    const float v = s.beta2 * second[i] + (1 - s.beta2) * g * g;
    const float moved = s.decay * w - s.step_size * m / (std::sqrt(v) * s.second_scale + s.epsilon);
    first[i] = m;
    second[i] = v;
    weight[i] = (moved - pull * (moved - pulled_to)) * kept;
  };
  // One loop for each kind of parameter; a test inside the loop would keep it from vectorising.
  if (gradient == nullptr) {
    for (int64_t i = 0; i < arrays.size; ++i) update(i, 0, 0, 0, 1);
  } else if (target != nullptr) {
    for (int64_t i = 0; i < arrays.size; ++i) {
      update(i, gradient[i] + s.rho * (weight[i] - target[i]), target[i], s.pull, 1);
    }
  } else if (mask != nullptr) {
    for (int64_t i = 0; i < arrays.size; ++i) update(i, gradient[i], 0, 0, static_cast<float>(mask[i]));
  } else {
    for (int64_t i = 0; i < arrays.size; ++i) update(i, gradient[i], 0, 0, 1);
  }
}

NXM_WIDTHS AdamWSums adamw_sums(float rho, const AdamWArrays& arrays) noexcept {
  const float* __restrict weight = arrays.weight;
  const float* __restrict gradient = arrays.gradient;
  const float* __restrict target = arrays.target;
  const uint8_t* __restrict mask = arrays.mask;
  double squares[kLanes] = {}, distances[kLanes] = {};
  const auto count = [&](float g, int lane) __attribute__((always_inline)) {
    squares[lane] += static_cast<double>(g) * g;
  };
  // One loop for each kind of parameter, as above.
  if (target != nullptr) {
    const auto add = [&](int64_t i, int lane) __attribute__((always_inline)) {
      const float apart = weight[i] - target[i];
      distances[lane] += static_cast<double>(apart) * apart;
      count(gradient[i] + rho * apart, lane);
    };
    in_lanes(arrays.size, add);
  } else if (mask != nullptr) {
    constexpr int64_t kSome = 256;  // GCC makes vectors of bytes in a loop of their own alone
    float kept[kSome];
    const auto add = [&](int64_t i, int lane) __attribute__((always_inline)) { count(kept[i], lane); };
    for (int64_t from = 0; from < arrays.size; from += kSome) {
      const int64_t size = std::min(kSome, arrays.size - from);
      for (int64_t i = 0; i < size; ++i) kept[i] = gradient[from + i] * static_cast<float>(mask[from + i]);
      in_lanes(size, add);
    }
  } else {
    const auto add = [&](int64_t i, int lane) __attribute__((always_inline)) { count(gradient[i], lane); };
    in_lanes(arrays.size, add);
  }
  AdamWSums sums;
  for (int lane = 0; lane < kLanes; ++lane) {
    sums.gradient += squares[lane];
    sums.distance += distances[lane];
  }
  return sums;
}

NXM_WIDTHS DualSums dual_step(const DualArrays& arrays) noexcept {
  const float* __restrict weight = arrays.weight;
  const float* __restrict z = arrays.z;
  const float* __restrict z_before = arrays.z_before;
  float* __restrict u = arrays.u;
  double squares[4][kLanes] = {};
  const auto add = [&](int64_t i, int lane) __attribute__((always_inline)) {
    const float apart = weight[i] - z[i], step = z[i] - z_before[i];
    u[i] += apart;
    const auto square = [](float x) __attribute__((always_inline)) { return static_cast<double>(x) * x; };
    squares[0][lane] += square(weight[i]);
    squares[1][lane] += square(apart);
    squares[2][lane] += square(step);
    squares[3][lane] += square(u[i]);
  };
  in_lanes(arrays.size, add);
  DualSums sums;
  for (int lane = 0; lane < kLanes; ++lane) {
    sums += {squares[0][lane], squares[1][lane], squares[2][lane], squares[3][lane]};
  }
  return sums;
}

}  // namespace nxm
