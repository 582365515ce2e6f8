// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "nxm/core/dtype.h"
#include "nxm/kernels/weights.h"

namespace nxm {
namespace {

float finish(double sum, const Epilogue& epilogue, int64_t o) {
  float y = static_cast<float>(sum);
  if (epilogue.bias != nullptr) y += epilogue.bias[o];
  if (!epilogue.gelu) return y;
  return static_cast<float>(0.5 * y * (1 + std::erf(y / std::sqrt(2.0))));
}

/// Every kept weight with its column. Splits R.
template <typename T>
class Reference : public Linear {
 public:
  Reference(const LinearSource& source, Precision precision, int x_bits) : x_bits_(x_bits) {
    const WeightRows rows(source);
    outputs_ = rows.outputs();
    inputs_ = rows.inputs();
    kept_ = static_cast<size_t>(rows.kept());
    const size_t size = kept_ * static_cast<size_t>(outputs_);
    columns_.resize(size);
    values_.resize(size);
    for (int64_t o = 0; o < outputs_; ++o) {
      const size_t first = kept_ * static_cast<size_t>(o);
      rows.columns(o, std::span(columns_).subspan(first, kept_));
      const auto values = std::span(values_).subspan(first, kept_);
      if constexpr (sizeof(T) == 1) {
        scales_.push_back(rows.values(o, values));
      } else {
        rows.values(o, values);
        if (precision != Precision::kBf16) continue;
        for (float& w : values) w = bf16_to_f32(f32_to_bf16(w));
      }
    }
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
           ThreadPool& pool) const override {
    const auto rows = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        row(x.row(r), y.row(r), epilogue, scratch + static_cast<int64_t>(scratch_bytes(r, 1)));
      }
    };
    pool.parallel_for(x.rows, 1, std::ref(rows));
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows, int /*threads*/) const override {
    return sizeof(T) == 1 ? static_cast<size_t>(rows * inputs_) : 0;
  }
  [[nodiscard]] size_t weight_bytes() const override {
    return columns_.size() * sizeof(int32_t) + values_.size() * sizeof(T) + scales_.size() * sizeof(float);
  }

 private:
  void row(const float* x, float* y, const Epilogue& epilogue, [[maybe_unused]] std::byte* scratch) const {
    const T* w = values_.data();
    const int32_t* column = columns_.data();
    if constexpr (sizeof(T) == 1) {
      auto* q = reinterpret_cast<uint8_t*>(scratch);
      const Quantized by = quantize_row(x, inputs_, levels_of(x_bits_), q);
      for (int64_t o = 0; o < outputs_; ++o, w += kept_, column += kept_) {
        int32_t sum = 0;
        for (size_t i = 0; i < kept_; ++i) sum += (q[column[i]] - by.zero) * w[i];
        y[o] = finish(by.scale * scales_[static_cast<size_t>(o)] * static_cast<float>(sum), epilogue, o);
      }
    } else {
      for (int64_t o = 0; o < outputs_; ++o, w += kept_, column += kept_) {
        double sum = 0;
        for (size_t i = 0; i < kept_; ++i) {
          const float activation = x[column[i]];
          sum += static_cast<double>(x_bits_ == 16 ? bf16_to_f32(f32_to_bf16(activation)) : activation) * w[i];
        }
        y[o] = finish(sum, epilogue, o);
      }
    }
  }

  int x_bits_;
  int64_t outputs_, inputs_;
  size_t kept_;  // a row
  std::vector<int32_t> columns_;
  std::vector<T> values_;
  std::vector<float> scales_;  // int8: by output
};

}  // namespace

std::unique_ptr<Linear> make_reference(const LinearSource& source, Precision precision, int x_bits) {
  if (precision == Precision::kInt8) return std::make_unique<Reference<int8_t>>(source, precision, x_bits);
  return std::make_unique<Reference<float>>(source, precision, x_bits);
}

Quantized quantization(float low, float high, int levels) {
  const float scale = high > low ? (high - low) / static_cast<float>(levels) : 1;
  const float inverse = 1 / scale;
  return {scale, static_cast<int32_t>(std::lrint(-low * inverse))};
}

uint8_t quantized(float x, float inverse_scale, int32_t zero, int levels) {
  return static_cast<uint8_t>(std::clamp(static_cast<int32_t>(std::lrint(x * inverse_scale)) + zero, 0, levels));
}

Quantized quantize_row(const float* x, int64_t n, int levels, uint8_t* q) {
  const auto [low, high] = std::minmax_element(x, x + n);
  Quantized by = n == 0 ? Quantized{1, 0} : quantization(std::min(0.0F, *low), std::max(0.0F, *high), levels);
  if (!all_finite({x, static_cast<size_t>(n)})) by.scale = std::numeric_limits<float>::quiet_NaN();
  for (int64_t i = 0; i < n; ++i) q[i] = quantized(x[i], 1 / by.scale, by.zero, levels);
  return by;
}

}  // namespace nxm
