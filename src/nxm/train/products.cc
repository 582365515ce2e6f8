// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/products.h"

#include <type_traits>

#include "nxm/kernels/aligned.h"
#include "nxm/kernels/tile_products.h"

namespace nxm {
namespace {

class LibraryProducts : public Products {
 public:
  explicit LibraryProducts(bool bf16) : Products(bf16 ? at::kBFloat16 : at::kFloat) {}

  /// LibTorch compiles its bf16 products for each number of rows that it meets, so these should be few.
  [[nodiscard]] int64_t padded(int64_t rows) const override {
    if (type() == at::kFloat) return rows;
    int64_t unit = 32;
    while (rows > 16 * unit) unit *= 2;
    return (rows + unit - 1) / unit * unit;
  }

  [[nodiscard]] Weight weight(std::vector<at::Tensor> parts) const override {
    if (parts.size() == 1) return {parts, parts[0].to(type())};
    const int64_t outputs = parts[0].size(0);
    Weight weight{std::move(parts), {}};
    weight.prepared = at::empty({outputs * static_cast<int64_t>(weight.parts.size()), weight.parts[0].size(1)}, type());
    for (size_t i = 0; i < weight.parts.size(); ++i) {
      weight.prepared.narrow(0, static_cast<int64_t>(i) * outputs, outputs).copy_(weight.parts[i]);
    }
    return weight;
  }

  [[nodiscard]] at::Tensor forth(const at::Tensor& x, const Weight& weight, int64_t first,
                                 int64_t parts) const override {
    return at::mm(x, rows_of(weight, first, parts).t());
  }
  [[nodiscard]] at::Tensor back(const at::Tensor& y_g, const Weight& weight, int64_t first,
                                int64_t parts) const override {
    return at::mm(y_g, rows_of(weight, first, parts));
  }
  [[nodiscard]] at::Tensor weight_gradient(const at::Tensor& y_g, const at::Tensor& x) const override {
    return at::mm(y_g.t(), x).to(at::kFloat);
  }

 private:
  static at::Tensor rows_of(const Weight& weight, int64_t first, int64_t parts) {
    const int64_t outputs = weight.parts[0].size(0);
    return weight.prepared.narrow(0, first * outputs, parts * outputs);
  }
};

/// By kernels/tile_products.h; T as there. Prepared: packed for the way forth; for the way back, when it comes, packed
/// anew from the weights.
template <typename T>
class OwnProducts : public Products {
 public:
  explicit OwnProducts(const TileProducts<T>& code)
      : Products(std::is_same_v<T, float> ? at::kFloat : at::kBFloat16), code_(code) {}

  [[nodiscard]] int64_t padded(int64_t rows) const override { return (rows + kUnit - 1) / kUnit * kUnit; }

  [[nodiscard]] Weight weight(std::vector<at::Tensor> parts) const override {
    RECORD_USER_SCOPE("nxm::matmul");
    Weight weight{std::move(parts), {}};
    const int64_t outputs = weight.parts[0].size(0), inputs = weight.parts[0].size(1);
    const int64_t steps = inputs / kUnit;
    weight.prepared = at::empty({outputs * static_cast<int64_t>(weight.parts.size()), inputs}, type());
    for (size_t i = 0; i < weight.parts.size(); ++i) {
      const auto* from = weight.parts[i].const_data_ptr<float>();
      T* to = data(weight.prepared) + static_cast<int64_t>(i) * outputs * inputs;
      for_units(outputs, kGrain / (inputs * kUnit), [&](int64_t begin, int64_t count) {
        code_.pack_f32_columns(from + begin * inputs, inputs, inputs, count, steps, to + begin * inputs);
      });
    }
    return weight;
  }

  void end_forth(Weight& weight) const override { weight.prepared.reset(); }

  [[nodiscard]] at::Tensor forth(const at::Tensor& x, const Weight& weight, int64_t first,
                                 int64_t parts) const override {
    const int64_t outputs = weight.parts[0].size(0), inputs = weight.parts[0].size(1);
    return multiply(x, data(weight.prepared) + first * outputs * inputs, inputs / kUnit, parts * outputs);
  }

  [[nodiscard]] at::Tensor back(const at::Tensor& y_g, const Weight& weight, int64_t first,
                                int64_t parts) const override {
    const int64_t outputs = weight.parts[0].size(0), inputs = weight.parts[0].size(1);
    RECORD_USER_SCOPE("nxm::matmul");
    const int64_t steps = parts * outputs / kUnit;
    const at::Tensor packed = at::empty({parts * outputs, inputs}, type());
    for (int64_t i = 0; i < parts; ++i) {
      const auto* from = weight.parts[static_cast<size_t>(first + i)].const_data_ptr<float>();
      T* to = data(packed) + i * outputs * kUnit;
      for_units(inputs, kGrain / (outputs * kUnit), [&](int64_t begin, int64_t count) {
        code_.pack_f32(from + begin, inputs, outputs, count, steps, to + begin * steps * kUnit);
      });
    }
    return multiply(y_g, data(packed), steps, inputs);
  }

  [[nodiscard]] at::Tensor weight_gradient(const at::Tensor& y_g, const at::Tensor& x) const override {
    RECORD_USER_SCOPE("nxm::matmul");
    const int64_t rows = x.size(0), inputs = x.size(1), outputs = y_g.size(1), steps = rows / kUnit;
    const at::Tensor packed = at::empty({rows, inputs}, type()), turned = at::empty({outputs, rows}, type());
    for_units(inputs, kGrain / (rows * kUnit), [&](int64_t begin, int64_t count) {
      code_.pack(data(x) + begin, inputs, rows, count, steps, data(packed) + begin * rows);
    });
    for_units(outputs, kGrain / (rows * kUnit), [&](int64_t begin, int64_t count) {
      code_.transpose(data(y_g) + begin, outputs, rows, count, data(turned) + begin * rows, rows);
    });
    at::Tensor gradient = at::empty({outputs, inputs}, at::kFloat);
    auto* to = gradient.data_ptr<float>();
    for_units(outputs, 1, [&](int64_t begin, int64_t count) {
      AlignedVector<T> scratch(static_cast<size_t>(kUnit * rows));
      code_.multiply_to_f32(data(turned) + begin * rows, rows, data(packed), steps, count, inputs, rows,
                            to + begin * inputs, inputs, scratch.data());
    });
    return gradient;
  }

 private:
  static constexpr int64_t kUnit = TileProducts<T>::kUnit;
  static constexpr int64_t kGrain = 1 << 16;  // values that are worth a thread's waking

  static T* data(const at::Tensor& x) { return static_cast<T*>(x.data_ptr()); }

  /// f(begin, count) on stretches of whole units that cover [0, n).
  template <typename F>
  static void for_units(int64_t n, int64_t grain, F f) {
    at::parallel_for(0, n / kUnit, grain, [&](int64_t begin, int64_t end) { f(begin * kUnit, (end - begin) * kUnit); });
  }

  [[nodiscard]] at::Tensor multiply(const at::Tensor& x, const T* packed, int64_t steps, int64_t outputs) const {
    RECORD_USER_SCOPE("nxm::matmul");
    at::Tensor y = at::empty({x.size(0), outputs}, type());
    const int64_t inputs = x.size(1);
    for_units(x.size(0), 1, [&](int64_t begin, int64_t count) {
      AlignedVector<T> scratch(static_cast<size_t>(kUnit * inputs));
      code_.multiply(data(x) + begin * inputs, inputs, packed, steps, count, outputs, inputs, data(y) + begin * outputs,
                     outputs, scratch.data());
    });
    return y;
  }

  const TileProducts<T>& code_;
};

}  // namespace

at::Tensor Products::matrix(int64_t rows, int64_t width) const {
  at::Tensor result = at::empty({padded(rows), width}, type_);
  result.narrow(0, rows, result.size(0) - rows).zero_();
  return result;
}

std::unique_ptr<Products> make_products(bool bf16, int64_t unit) {
  const Target target = chosen_target();
  // On Intel MKL takes its code for AVX-512; ours has not been timed there.
  const auto* of_bf16 = bf16 ? tile_products_bf16(target) : nullptr;
  const auto* of_f32 = bf16 || is_intel() ? nullptr : tile_products_f32(target);
  if (of_bf16 != nullptr && unit % of_bf16->kUnit == 0) return std::make_unique<OwnProducts<uint16_t>>(*of_bf16);
  if (of_f32 != nullptr && unit % of_f32->kUnit == 0) return std::make_unique<OwnProducts<float>>(*of_f32);
  return std::make_unique<LibraryProducts>(bf16);
}

}  // namespace nxm
