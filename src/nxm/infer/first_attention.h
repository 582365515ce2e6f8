// SPDX-License-Identifier: Apache-2.0
#pragma once
// Attention as the last layer needs it: only the first token of a sequence asks. Ops::attention is for all tokens.

#include <cstdint>

namespace nxm {

/// out (head) = softmax(q k^T / sqrt(head)) v for one query q (head) and k, v (T, head) with `stride` floats from one
/// token to the next. `scores`: T floats.
void first_attention(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t tokens,
                     int64_t head, float* scores) noexcept;

}  // namespace nxm
