// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/adamw_kernel.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/widths.h"

namespace nxm {
namespace {

// Sums run in this many independent lanes, so that they vectorise without reordering.
constexpr int kLanes = 16;

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
  // One call for each kind of parameter, as above. value(i, distance) is the gradient that counts.
  const auto sum = [&](int64_t size, const auto& value) __attribute__((always_inline)) {
    const auto add = [&](int64_t i, int lane) __attribute__((always_inline)) {
      const auto g = static_cast<double>(value(i, distances[lane]));
      squares[lane] += g * g;
    };
    const int64_t whole = size / kLanes * kLanes;
    for (int64_t i = 0; i < whole; i += kLanes) {
      for (int lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
    }
    for (int64_t i = whole; i < size; ++i) add(i, static_cast<int>(i - whole));
  };
  if (target != nullptr) {
    sum(
        arrays.size, [&](int64_t i, double& distance) __attribute__((always_inline)) {
          const float apart = weight[i] - target[i];
          distance += static_cast<double>(apart) * apart;
          return gradient[i] + rho * apart;
        });
  } else if (mask != nullptr) {
    constexpr int64_t kSome = 256;  // GCC makes vectors of bytes in a loop of their own alone
    float kept[kSome];
    for (int64_t from = 0; from < arrays.size; from += kSome) {
      const int64_t size = std::min(kSome, arrays.size - from);
      for (int64_t i = 0; i < size; ++i) kept[i] = gradient[from + i] * static_cast<float>(mask[from + i]);
      sum(
          size, [&](int64_t i, double& /*distance*/) __attribute__((always_inline)) { return kept[i]; });
    }
  } else {
    sum(
        arrays.size, [&](int64_t i, double& /*distance*/) __attribute__((always_inline)) { return gradient[i]; });
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
  const int64_t whole = arrays.size / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) add(i + lane, lane);
  }
  for (int64_t i = whole; i < arrays.size; ++i) add(i, static_cast<int>(i - whole));
  DualSums sums;
  for (int lane = 0; lane < kLanes; ++lane) {
    sums.weight += squares[0][lane];
    sums.apart += squares[1][lane];
    sums.step += squares[2][lane];
    sums.u += squares[3][lane];
  }
  return sums;
}

}  // namespace nxm
