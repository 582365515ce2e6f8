// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/activation.h"

#include <algorithm>

namespace nxm {

Activation activation_of(std::string_view hidden_act) {
  if (hidden_act == "relu") return Activation::kRelu;
  return hidden_act == "gelu" ? Activation::kGelu : Activation::kGeluTanh;
}

void gelu_tanh(float* x, int64_t n, const Ops& ops) {
  constexpr float kScale = 0.7978845608F;  // sqrt(2/pi)
  constexpr int64_t kBlock = 256;          // values: 1 KiB of stack, in L1
  float inner[kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t count = std::min(kBlock, n - begin);
    float* block = x + begin;
    for (int64_t i = 0; i < count; ++i) inner[i] = kScale * (block[i] + 0.044715F * block[i] * block[i] * block[i]);
    ops.tanh(inner, count);
    for (int64_t i = 0; i < count; ++i) block[i] *= 0.5F * (1 + inner[i]);
  }
}

void relu(float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = x[i] < 0 ? 0.0F : x[i];
}

}  // namespace nxm
