// SPDX-License-Identifier: Apache-2.0
#pragma once
// All encoder layers on the CPU as one step of autograd: matrix products by LibTorch, what is between them in one pass
// each by kernels/training_ops.h, with less memory traffic and less kept for the way back than operator by operator.

#include <vector>

#include "nxm/train/bert.h"

namespace nxm {

struct EncoderOptions {
  int64_t heads = 0;
  double hidden_dropout = 0, attention_dropout = 0;  ///< 0 <= p < 1
  uint64_t seed = 0;                                 ///< of dropout
  bool bf16 = false;                                 ///< operands and results of matrix products; all else is f32
};

/// x (R, H) f32 through `layers` of the activation "gelu". Of the last one only each sequence's first row is computed:
/// (B, H) f32. Queries, keys and values are one product. Differentiable once, in x and in the layers' parameters. Same
/// options, same bits, for any number of threads but for what LibTorch's products make of that number.
[[nodiscard]] at::Tensor encode(const at::Tensor& x, const std::vector<BertLayer>& layers, const BertInput& input,
                                const EncoderOptions& options);

}  // namespace nxm
