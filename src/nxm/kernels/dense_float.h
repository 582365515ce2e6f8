// SPDX-License-Identifier: Apache-2.0
#pragma once
// The dense product in f32, weights stored as f32 or bf16: outputs in lanes, activations broadcast. This is the code
// for one target; dense_float.cc wraps it into a Linear. Internal to kernels.

#include <cstdint>

namespace nxm {

/// One block of y: `rows` tokens by one panel of outputs.
template <typename T>
struct DenseBlock {
  const float* x;  ///< (rows, inputs)
  int64_t rows, inputs;
  int64_t tile;       ///< rows at a time, at most kTileRows
  const T* w;         ///< (inputs, panel)
  float* y;           ///< (rows, panel) within (rows, outputs)
  int64_t outputs;    ///< from one row of y to the next
  int64_t width;      ///< columns of the panel that exist, the others are zeros
  const float* bias;  ///< (width), or null
  bool gelu;
};

struct DenseFloatCode {
  int64_t panel;  ///< outputs
  void (*f32)(const DenseBlock<float>& block) noexcept;
  void (*bf16)(const DenseBlock<uint16_t>& block) noexcept;
};

}  // namespace nxm
