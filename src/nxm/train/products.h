// SPDX-License-Identifier: Apache-2.0
#pragma once
// The three matrix products of a linear layer y = x W^T on the CPU, forth and back, in f32 or in bf16: by LibTorch or
// by kernels/tile_products.h.

#include <memory>
#include <vector>

#include "nxm/train/torch.h"

namespace nxm {

class Products {
 public:
  /// Weights of the same inputs, one below the other, as the products take them.
  struct Weight {
    std::vector<at::Tensor> parts;  ///< (O_i, I) f32, of equal O_i
    at::Tensor prepared;
  };

  virtual ~Products() = default;
  Products() = default;
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  /// The type of x and y.
  [[nodiscard]] at::ScalarType type() const { return type_; }
  /// How many rows a matrix of so many gets: those beyond are to be zeros, and are zeros in what comes of it.
  [[nodiscard]] virtual int64_t padded(int64_t rows) const = 0;
  [[nodiscard]] virtual Weight weight(std::vector<at::Tensor> parts) const = 0;
  /// There is no more to come of it on the way forth. Lets go of what the way back does not need, while it is in a
  /// cache and the next weight can have its place.
  virtual void end_forth(Weight& /*weight*/) const {}
  /// y = x W^T of `parts` parts of W from `first` on.
  [[nodiscard]] virtual at::Tensor forth(const at::Tensor& x, const Weight& weight, int64_t first,
                                         int64_t parts) const = 0;
  /// The gradient of x: y_g W, of the same parts.
  [[nodiscard]] virtual at::Tensor back(const at::Tensor& y_g, const Weight& weight, int64_t first,
                                        int64_t parts) const = 0;
  /// The gradient of W: y_g^T x, f32.
  [[nodiscard]] virtual at::Tensor weight_gradient(const at::Tensor& y_g, const at::Tensor& x) const = 0;

  /// (padded rows, width), zeros from `rows` on.
  [[nodiscard]] at::Tensor matrix(int64_t rows, int64_t width) const;

 protected:
  explicit Products(at::ScalarType type) : type_(type) {}

 private:
  at::ScalarType type_;
};

/// The fastest here for layers whose inputs and outputs are multiples of `unit`.
std::unique_ptr<Products> make_products(bool bf16, int64_t unit);

}  // namespace nxm
