// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "nxm/core/dtype.h"

namespace nxm {

int64_t WeightRows::kept() const {
  if (!source_.packed) return source_.dense.cols;
  return source_.packed->cols / source_.packed->pattern.of * source_.packed->pattern.keep;
}

void WeightRows::columns(int64_t r, std::span<int32_t> out) const {
  if (!source_.packed) return std::iota(out.begin(), out.end(), 0);
  std::vector<uint8_t> places(out.size());
  unpack_indices(*source_.packed, r, places);
  const Pattern& pattern = source_.packed->pattern;
  int32_t group = 0;
  for (size_t i = 0; i < out.size(); group += pattern.of) {
    for (int k = 0; k < pattern.keep; ++k, ++i) out[i] = group + places[i];
  }
}

void WeightRows::values(int64_t r, std::span<float> out) const {
  if (!source_.packed) return void(std::copy_n(source_.dense.row(r), out.size(), out.begin()));
  const PackedView& packed = *source_.packed;
  const size_t bytes = out.size() * size_of(packed.dtype);
  const auto row = packed.values.subspan(static_cast<size_t>(r) * bytes, bytes);
  if (packed.dtype != DType::kI8) return to_f32(packed.dtype, row, out);
  const float scale = packed.scales[static_cast<size_t>(r)];
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(static_cast<int8_t>(row[i])) * scale;
}

void WeightRows::values(int64_t r, std::span<uint16_t> out) const {
  std::vector<float> wide(out.size());
  values(r, std::span(wide));
  std::transform(wide.begin(), wide.end(), out.begin(), f32_to_bf16);
}

float WeightRows::values(int64_t r, std::span<int8_t> out) const {
  if (source_.packed && source_.packed->dtype == DType::kI8) {
    std::memcpy(out.data(), source_.packed->values.data() + static_cast<size_t>(r) * out.size(), out.size());
    return source_.packed->scales[static_cast<size_t>(r)];
  }
  std::vector<float> wide(out.size());
  values(r, std::span(wide));
  const float scale = int8_scale(wide);
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int8_t>(std::lrint(wide[i] / scale));
  return scale;
}

}  // namespace nxm
