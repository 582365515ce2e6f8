// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cassert>
#include <cmath>

#include "nxm/kernels/code.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/training_ops_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/tile-inl.h"

#if NXM_SIMD
HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using DU = hn::RebindToUnsigned<D>;
using VU = hn::Vec<DU>;
constexpr DU kDU;

HWY_INLINE void store_lanes(V v, float* to) { hn::StoreU(v, kD, to); }
/// To bf16, half way to even; what is not a number stays one.
HWY_INLINE void store_lanes(V v, uint16_t* to) {
  const hn::Rebind<uint16_t, D> half;
  const VU bits = hn::BitCast(kDU, v);
  const VU odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(kDU, 1));
  const VU rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(kDU, 0x7FFF))));
  const VU nan = hn::Set(kDU, 0x7FC0);
  const VU result = hn::IfThenElse(hn::RebindMask(kDU, hn::IsNaN(v)), nan, rounded);
  hn::StoreU(hn::DemoteTo(half, hn::BitCast(hn::RebindToSigned<D>(), result)), half, to);
}

/// The first n lanes; the rest is 0.
template <typename T>
HWY_INLINE V load(const T* from, int64_t n) {
  if (n >= kLanes) return load_weights(kD, from);
  HWY_ALIGN T few[kLanes] = {};
  std::copy_n(from, n, few);
  return load_weights(kD, few);
}
template <typename T>
HWY_INLINE void store(V v, T* to, int64_t n) {
  if (n >= kLanes) return store_lanes(v, to);
  HWY_ALIGN T few[kLanes];
  store_lanes(v, few);
  std::copy_n(few, n, to);
}
HWY_INLINE void add_to(float* sums, V v, int64_t n) { store(hn::Add(load(sums, n), v), sums, n); }
HWY_INLINE V first_lanes(V v, int64_t n) {
  return n >= kLanes ? v : hn::IfThenElseZero(hn::FirstN(kD, static_cast<size_t>(n)), v);
}

/// What dropout multiplies the values at these indices with. As dropout_hash().
HWY_INLINE V kept(const Dropout& dropout, VU index) {
  if (dropout.threshold == 0) return hn::Set(kD, 1.0F);
  VU x = hn::Add(index, hn::Set(kDU, static_cast<uint32_t>(dropout.seed)));
  x = hn::Mul(hn::Xor(x, hn::ShiftRight<16>(x)), hn::Set(kDU, 0x7feb352dU));
  x = hn::Xor(x, hn::Xor(hn::ShiftRight<15>(x), hn::Set(kDU, static_cast<uint32_t>(dropout.seed >> 32))));
  x = hn::Mul(x, hn::Set(kDU, 0x846ca68bU));
  x = hn::Xor(x, hn::ShiftRight<16>(x));
  const auto keep = hn::Eq(hn::Max(x, hn::Set(kDU, dropout.threshold)), x);
  return hn::IfThenElseZero(hn::RebindMask(kD, keep), hn::Set(kD, dropout.scale));
}
HWY_INLINE VU indices(int64_t first) { return hn::Iota(kDU, static_cast<uint32_t>(first)); }

/// f(i, n) for each stretch i...i + n of a row, n lanes at most.
template <class F>
HWY_INLINE void for_lanes(int64_t width, F f) {
  for (int64_t i = 0; i < width; i += kLanes) f(i, width - i);
}

template <typename T>
void norm(const NormStep<T>& step) noexcept {
  const int64_t width = step.width;
  for (int64_t r = 0; r < step.rows; ++r) {
    const T* y = step.y + r * width;
    const float* residual = step.residual + r * width;
    float* normal = step.normal + r * width;
    float* out = step.out + r * width;
    const int64_t index = (step.first_row + r) * width;
    V sum = hn::Zero(kD);
    for_lanes(width, [&](int64_t i, int64_t n) HWY_ATTR {
      const V x = hn::Add(load(y + i, n), load(step.bias + i, n));
      const V s = hn::MulAdd(x, kept(step.dropout, indices(index + i)), load(residual + i, n));
      store(s, normal + i, n);
      sum = hn::Add(sum, s);
    });
    const V mean = hn::Set(kD, sum_of(sum) / static_cast<float>(width));
    V squares = hn::Zero(kD);
    for_lanes(width, [&](int64_t i, int64_t n) HWY_ATTR {
      const V d = first_lanes(hn::Sub(load(normal + i, n), mean), n);
      squares = hn::MulAdd(d, d, squares);
    });
    const float scale = 1 / std::sqrt(sum_of(squares) / static_cast<float>(width) + step.eps);
    step.scale[r] = scale;
    for_lanes(width, [&](int64_t i, int64_t n) HWY_ATTR {
      const V scaled = hn::Mul(hn::Sub(load(normal + i, n), mean), hn::Set(kD, scale));
      const V result = hn::MulAdd(scaled, load(step.weight + i, n), load(step.shift + i, n));
      store(scaled, normal + i, n);
      store(result, out + i, n);
      if (step.out_rounded != nullptr) store(result, step.out_rounded + r * width + i, n);
    });
  }
}

template <typename T>
void norm_back(const NormStepBack<T>& step) noexcept {
  const int64_t width = step.width;
  for (int64_t r = 0; r < step.rows; ++r) {
    const float* normal = step.normal + r * width;
    float* residual_g = step.residual_g + r * width;
    const int64_t index = (step.first_row + r) * width;
    V sum = hn::Zero(kD), along = hn::Zero(kD);  // of g weight, and of its product with n
    for_lanes(width, [&](int64_t i, int64_t n) HWY_ATTR {
      V g = load(step.g + r * width + i, n);
      if (step.more != nullptr) g = hn::Add(g, load(step.more + r * width + i, n));
      const V z = load(normal + i, n);
      add_to(step.weight_g + i, hn::Mul(g, z), n);
      add_to(step.shift_g + i, g, n);
      const V weighted = hn::Mul(g, load(step.weight + i, n));
      sum = hn::Add(sum, weighted);
      along = hn::MulAdd(weighted, z, along);
      store(weighted, residual_g + i, n);
    });
    const V mean = hn::Set(kD, sum_of(sum) / static_cast<float>(width));
    const V slope = hn::Set(kD, sum_of(along) / static_cast<float>(width));
    const V scale = hn::Set(kD, step.scale[r]);
    for_lanes(width, [&](int64_t i, int64_t n) HWY_ATTR {
      const V apart = hn::NegMulAdd(load(normal + i, n), slope, hn::Sub(load(residual_g + i, n), mean));
      const V s_g = hn::Mul(scale, apart);
      const V y_g = hn::Mul(s_g, kept(step.dropout, indices(index + i)));
      store(s_g, residual_g + i, n);
      store(y_g, step.y_g + r * width + i, n);
      add_to(step.bias_g + i, y_g, n);
    });
  }
}

template <typename T>
void gelu_rows(const T* u, const float* bias, T* out, int64_t rows, int64_t width) noexcept {
  for (int64_t r = 0; r < rows; ++r, u += width, out += width) {
    for_lanes(width, [&](int64_t i, int64_t n)
                         HWY_ATTR { store(gelu(kD, hn::Add(load(u + i, n), load(bias + i, n))), out + i, n); });
  }
}

template <typename T>
void gelu_back(const T* u, const float* bias, T* g, float* bias_g, int64_t rows, int64_t width) noexcept {
  for (int64_t r = 0; r < rows; ++r, u += width, g += width) {
    for_lanes(width, [&](int64_t i, int64_t n) HWY_ATTR {
      const V half = hn::Set(kD, 0.5F);
      const V x = hn::Add(load(u + i, n), load(bias + i, n));
      const V below = hn::MulAdd(half, erf_of_half(kD, x), half);  // the normal distribution's share below x
      const V falls = hn::Max(hn::Mul(hn::Mul(x, x), hn::Set(kD, -0.5F)), hn::Set(kD, -80.0F));
      const V density = hn::Mul(hn::Exp(kD, falls), hn::Set(kD, 0.39894228F));
      const V back = hn::Mul(load(g + i, n), hn::MulAdd(x, density, below));
      store(back, g + i, n);
      add_to(bias_g + i, back, n);
    });
  }
}

/// to (rows, width) <- x + bias, with zeros from `head` to `width`.
template <typename T>
HWY_INLINE void copy_rows(const T* x, int64_t stride, const float* bias, int64_t rows, int64_t head, float* to,
                          int64_t width) {
  for (int64_t t = 0; t < rows; ++t) {
    for_lanes(head, [&](int64_t i, int64_t n) HWY_ATTR {
      V v = load(x + t * stride + i, n);
      if (bias != nullptr) v = hn::Add(v, load(bias + i, n));
      hn::Store(v, kD, to + t * width + i);
    });
    std::fill(to + t * width + head, to + (t + 1) * width, 0.0F);
  }
}

template <typename T>
void attention(const AttentionStep<T>& step) noexcept {
  constexpr float kNever = -1e30F;  // score of a key that is not there
  const int64_t tokens = step.tokens, head = step.head;
  const int64_t keys = whole_tiles(tokens), width = whole_tiles(head);
  float* q = step.scratch;                   // (queries, width)
  float* k = q + keys * width;               // (tokens, width)
  float* v = k + keys * width;               // (tokens, width)
  float* k_t = v + keys * width;             // (head, keys)
  float* scores = k_t + head * keys;         // (kTileRows, keys)
  float* mixed = scores + kTileRows * keys;  // (kTileRows, width)
  copy_rows(step.q, step.q_stride, step.q_bias, step.queries, head, q, width);
  copy_rows(step.k, step.kv_stride, step.k_bias, tokens, head, k, width);
  copy_rows(step.v, step.kv_stride, step.v_bias, tokens, head, v, width);
  transpose(k, width, tokens, head, k_t, keys);
  const float scale = 1 / std::sqrt(static_cast<float>(head));
  for (int64_t t = 0; t < step.queries; t += kTileRows) {
    const int64_t rows = std::min(kTileRows, step.queries - t);
    multiply(rows, head, keys, q + t * width, width, k_t, scores);
    float inverse[kTileRows];
    for (int64_t r = 0; r < rows; ++r) {
      float* row = scores + r * keys;
      std::fill(row + tokens, row + keys, kNever);
      const ExpRow sums = exp_row(row, keys, scale);
      inverse[r] = 1 / sums.sum;
      step.log_sum[t + r] = scale * sums.largest + std::log(sums.sum);
      if (step.dropout.threshold == 0) continue;
      const int64_t index = step.first_index + (t + r) * tokens;
      for (int64_t s = 0; s < keys; s += kLanes) {
        hn::Store(hn::Mul(hn::Load(kD, row + s), kept(step.dropout, indices(index + s))), kD, row + s);
      }
    }
    multiply(rows, tokens, width, scores, keys, v, mixed);
    for (int64_t r = 0; r < rows; ++r) {
      for_lanes(head, [&](int64_t i, int64_t n) HWY_ATTR {
        store(hn::Mul(hn::Load(kD, mixed + r * width + i), hn::Set(kD, inverse[r])),
              step.out + (t + r) * step.out_stride + i, n);
      });
    }
  }
}

/// to (rows, head) <- x (rows, width); bias_g <- bias_g + its sums over rows.
template <typename T>
HWY_INLINE void put_gradient(const float* x, int64_t width, int64_t rows, int64_t head, T* to, int64_t stride,
                             float* bias_g) {
  for (int64_t r = 0; r < rows; ++r) {
    for_lanes(head, [&](int64_t i, int64_t n) HWY_ATTR {
      const V v = hn::Load(kD, x + r * width + i);
      store(v, to + r * stride + i, n);
      add_to(bias_g + i, v, n);
    });
  }
}

/// As the scalar one, a row of keys by all queries at a time: from the transposed softmax p^T = exp(k q^T - log_sum)
/// and the transposed gradient of the scores, s_g^T, come v_g = (p m)^T g, k_g = s_g^T q and q_g^T = k^T s_g^T.
template <typename T>
void attention_back(const AttentionStepBack<T>& back) noexcept {
  constexpr float kNever = 1e30F;  // log_sum of a query that is not there
  const AttentionStep<T>& step = back.step;
  const int64_t tokens = step.tokens, queries = step.queries, head = step.head;
  const int64_t keys = whole_tiles(tokens), asked = whole_tiles(queries), width = whole_tiles(head);
  float* q = step.scratch;                     // (queries, width)
  float* k = q + asked * width;                // (tokens, width)
  float* v = k + keys * width;                 // (tokens, width)
  float* g = v + keys * width;                 // (queries, width)
  float* q_t = g + asked * width;              // (head, asked)
  float* g_t = q_t + head * asked;             // (head, asked)
  float* k_t = g_t + head * asked;             // (head, keys)
  float* q_g_t = k_t + head * keys;            // (head, asked)
  float* s_g = q_g_t + head * asked;           // (tokens, asked), transposed
  float* p = s_g + tokens * asked;             // (kTileRows, asked), transposed
  float* mixed = p + kTileRows * asked;        // (kTileRows, width)
  float* log_sum = mixed + kTileRows * width;  // (asked)
  float* along = log_sum + asked;              // (asked) g out^T
  copy_rows(step.q, step.q_stride, step.q_bias, queries, head, q, width);
  copy_rows(step.k, step.kv_stride, step.k_bias, tokens, head, k, width);
  copy_rows(step.v, step.kv_stride, step.v_bias, tokens, head, v, width);
  copy_rows<T>(back.g, step.out_stride, nullptr, queries, head, g, width);
  transpose(q, width, queries, head, q_t, asked);
  transpose(g, width, queries, head, g_t, asked);
  transpose(k, width, tokens, head, k_t, keys);
  std::copy_n(step.log_sum, queries, log_sum);
  std::fill(log_sum + queries, log_sum + asked, kNever);
  std::fill_n(along, asked, 0.0F);
  for (int64_t t = 0; t < queries; ++t) {
    V sum = hn::Zero(kD);
    for_lanes(head, [&](int64_t i, int64_t n) HWY_ATTR {
      sum = hn::MulAdd(hn::Load(kD, g + t * width + i), load(step.out + t * step.out_stride + i, n), sum);
    });
    along[t] = sum_of(sum);
  }
  const V scale = hn::Set(kD, 1 / std::sqrt(static_cast<float>(head)));
  for (int64_t s = 0; s < tokens; s += kTileRows) {
    const int64_t rows = std::min(kTileRows, tokens - s);
    multiply(rows, head, asked, k + s * width, width, q_t, p);
    multiply(rows, head, asked, v + s * width, width, g_t, s_g + s * asked);
    for (int64_t r = 0; r < rows; ++r) {
      // Query t's index is so many on from that of t = 0.
      VU index = hn::Add(hn::Mul(indices(0), hn::Set(kDU, static_cast<uint32_t>(tokens))),
                         hn::Set(kDU, static_cast<uint32_t>(step.first_index + s + r)));
      const VU next = hn::Set(kDU, static_cast<uint32_t>(tokens * kLanes));
      for (int64_t t = 0; t < asked; t += kLanes, index = hn::Add(index, next)) {
        float* p_at = p + r * asked + t;
        float* s_g_at = s_g + (s + r) * asked + t;
        const V soft = hn::Exp(kD, hn::MulSub(scale, hn::Load(kD, p_at), hn::Load(kD, log_sum + t)));
        const V keep = kept(step.dropout, index);
        const V apart = hn::MulSub(keep, hn::Load(kD, s_g_at), hn::Load(kD, along + t));
        hn::Store(hn::Mul(soft, keep), kD, p_at);
        hn::Store(hn::Mul(hn::Mul(scale, soft), apart), kD, s_g_at);
      }
    }
    multiply(rows, queries, width, p, asked, g, mixed);
    put_gradient(mixed, width, rows, head, back.v_g + s * step.kv_stride, step.kv_stride, back.v_bias_g);
    multiply(rows, queries, width, s_g + s * asked, asked, q, mixed);
    put_gradient(mixed, width, rows, head, back.k_g + s * step.kv_stride, step.kv_stride, back.k_bias_g);
  }
  multiply(head, tokens, asked, k_t, keys, s_g, q_g_t);
  transpose(q_g_t, asked, head, queries, q, width);
  put_gradient(q, width, queries, head, back.q_g, step.q_stride, back.q_bias_g);
}

template <typename T>
constexpr TrainingOps<T> kTrainingOps = {norm<T>,      norm_back<T>, gelu_rows<T>,
                                         gelu_back<T>, attention<T>, attention_back<T>};

}  // namespace
}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // NXM_SIMD

#if HWY_ONCE
namespace nxm {

template <typename T>
const TrainingOps<T>* simd_training_ops(Target target) {
  switch (target) {
#if HWY_TARGETS & HWY_AVX3
    case Target::kAvx512:
    case Target::kAvx512Vnni:
    case Target::kAvx512Bf16:
    case Target::kAmx:
      return &N_AVX3::kTrainingOps<T>;
#endif
      NXM_CASE_AVX2(kTrainingOps<T>)
      NXM_CASE_NEON(kTrainingOps<T>)
    default:
      return nullptr;
  }
}
template const TrainingOps<float>* simd_training_ops(Target target);
template const TrainingOps<uint16_t>* simd_training_ops(Target target);

}  // namespace nxm
#endif
