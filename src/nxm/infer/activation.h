// SPDX-License-Identifier: Apache-2.0
#pragma once
// What stands between the two layers of a feed-forward block, by its name in config.json.

#include <cstdint>
#include <string_view>

#include "nxm/kernels/ops.h"

namespace nxm {

/// kGelu (the erf form) is fused into the layer before it; the others are a pass of their own.
enum class Activation { kGelu, kGeluTanh, kRelu };
/// "gelu", "gelu_new" and "gelu_pytorch_tanh", "relu": ModelConfig has checked that it is one of them.
Activation activation_of(std::string_view hidden_act);

/// x <- x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
void gelu_tanh(float* x, int64_t n, const Ops& ops);
/// x <- max(x, 0); NaN stays.
void relu(float* x, int64_t n);

}  // namespace nxm
