// SPDX-License-Identifier: Apache-2.0
// Attention whose products are of bf16, for AVX512-BF16: Ops::attention_bf16. Two numbers of 16 bits lie in one lane of
// 32 bits: two dimensions of q and k, two keys of the probabilities and of v.
#include <algorithm>
#include <cmath>

#include "nxm/kernels/amx.h"
#include "nxm/kernels/avx512.h"
#include "nxm/kernels/simd_targets.h"
#include "nxm/kernels/tile.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/attention_avx512.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/avx512-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_PUSH_ATTRIBUTES(HWY_TARGET_STR ",avx512bf16")
namespace nxm::HWY_NAMESPACE {
namespace {

constexpr int64_t kLanes = 16;
constexpr int64_t kWidth = 2 * kLanes;  // columns of a product
constexpr int64_t kRows = 8;            // whose sums registers hold

HWY_INLINE __m512 load(const float* from, int64_t n) {
  return n >= kLanes ? _mm512_loadu_ps(from) : _mm512_maskz_loadu_ps(n > 0 ? first_lanes(n) : __mmask16{0}, from);
}

/// 32 numbers of 16 bits: those of `low`, then those of `high`.
HWY_INLINE __m512i round(__m512 low, __m512 high) {
  return (__m512i)_mm512_cvtne2ps_pbh(high, low);  // NOLINT: there is no other way to convert
}

/// x[0...n) as pairs, filled up with zeros to a multiple of 32 numbers.
HWY_INLINE void round_row(const float* x, int64_t n, uint32_t* out) {
  for (int64_t i = 0; i < n; i += kWidth, out += kLanes) {
    _mm512_storeu_si512(out, round(load(x + i, n - i), load(x + i + kLanes, n - i - kLanes)));
  }
}

/// c (rows, 32) = the sum over n pairs of a (rows, n) and b (n, 32).
template <int kCount>
HWY_NOINLINE void dots(const uint32_t* a, int64_t a_stride, const uint32_t* b, int64_t b_stride, int64_t n, float* c,
                       int64_t c_stride) {
  __m512 sum[kCount][2];
#pragma GCC unroll 16
  for (int r = 0; r < kCount; ++r) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
  for (int64_t i = 0; i < n; ++i, b += b_stride) {
    const auto b0 = (__m512bh)_mm512_loadu_si512(b);           // NOLINT: as above
    const auto b1 = (__m512bh)_mm512_loadu_si512(b + kLanes);  // NOLINT
#pragma GCC unroll 16
    for (int r = 0; r < kCount; ++r) {
      const auto x = (__m512bh)_mm512_set1_epi32(static_cast<int>(a[r * a_stride + i]));  // NOLINT
      sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
      sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
      asm("" : "+v"(sum[r][0]), "+v"(sum[r][1]));  // keeps GCC 12 from copying the sums around
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kCount; ++r) {
    _mm512_storeu_ps(c + r * c_stride, sum[r][0]);
    _mm512_storeu_ps(c + r * c_stride + kLanes, sum[r][1]);
  }
}

void dots_of(const uint32_t* a, int64_t a_stride, const uint32_t* b, int64_t b_stride, int64_t rows, int64_t n,
             float* c, int64_t c_stride) noexcept {
  constexpr decltype(&dots<1>) kDots[] = {dots<1>, dots<2>, dots<3>, dots<4>, dots<5>, dots<6>, dots<7>, dots<kRows>};
  kDots[rows - 1](a, a_stride, b, b_stride, n, c, c_stride);
}

constexpr avx512::Products kProducts = {kRows, [](int64_t /*rows*/) noexcept {}, dots_of, []() noexcept {}};

/// 2^x for x <= 0, relative error below 4e-6: what it is for is rounded to 9 bits.
HWY_INLINE __m512 exp2(__m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 rest = _mm512_sub_ps(x, whole);  // in -1/2...1/2
  __m512 y = _mm512_set1_ps(0.00957010143F);
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.0559178603F));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.240247448F));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.693121815F));
  y = _mm512_fmadd_ps(y, rest, _mm512_set1_ps(0.999999261F));
  return _mm512_scalef_ps(y, whole);
}

/// x[0...n) <- exp(scale (x - max x)), with zeros from n to `padded`; `out` gets them as pairs. Returns their sum.
HWY_INLINE float softmax(float* x, int64_t n, int64_t padded, float scale, uint32_t* out) {
  const __m512 never = _mm512_set1_ps(-1e30F);
  const int64_t whole = n / kLanes * kLanes;
  if (whole < padded) {
    __m512 last = _mm512_mask_loadu_ps(never, first_lanes(n - whole), x + whole);
    _mm512_storeu_ps(x + whole, last);
    for (int64_t i = whole + kLanes; i < padded; i += kLanes) _mm512_storeu_ps(x + i, never);
  }
  __m512 largest = _mm512_loadu_ps(x);
  for (int64_t i = kLanes; i < padded; i += kLanes) largest = _mm512_max_ps(largest, _mm512_loadu_ps(x + i));
  const __m512 shift = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
  const __m512 factor = _mm512_set1_ps(scale * 1.442695041F);  // of powers of 2
  __m512 sum = _mm512_setzero_ps();
  for (int64_t i = 0; i < padded; i += kWidth, out += kLanes) {
    const __m512 low = exp2(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i), shift), factor));
    const __m512 high = exp2(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + i + kLanes), shift), factor));
    sum = _mm512_add_ps(sum, _mm512_add_ps(low, high));
    _mm512_storeu_si512(out, round(low, high));
  }
  return _mm512_reduce_add_ps(sum);
}

int64_t round_up(int64_t n) { return ceil_div(n, kWidth) * kWidth; }

HWY_INLINE void attention(const avx512::Products& products, const float* q, const float* k, const float* v,
                          int64_t stride, float* out, int64_t out_stride, int64_t tokens, int64_t head,
                          float* scratch) noexcept {
  constexpr int64_t kMost = avx512::kMostQueries;
  const int64_t keys = round_up(tokens), width = round_up(head);
  auto* k_pairs = reinterpret_cast<uint32_t*>(scratch);  // (width / 2, keys)
  uint32_t* v_pairs = k_pairs + width / 2 * keys;        // (keys / 2, width)
  uint32_t* q_pairs = v_pairs + keys / 2 * width;        // (kMost, width / 2)
  uint32_t* shares = q_pairs + kMost * width / 2;        // (kMost, keys / 2): the probabilities, before their sum
  float* scores = scratch + (shares + kMost * keys / 2 - k_pairs);  // (kMost, keys)
  float* mixed = scores + kMost * keys;                             // (kMost, width)

  for (int64_t t = 0; t < keys; t += kLanes) {
    for (int64_t i = 0; i < head; i += kWidth) {
      __m512i rows[kLanes];
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; ++r) {
        const bool there = t + r < tokens;
        const float* from = k + (there ? t + r : 0) * stride + i;
        const int64_t n = there ? head - i : 0;
        rows[r] = round(load(from, n), load(from + kLanes, n - kLanes));
      }
      transpose(rows);
      for (int r = 0; r < kLanes; ++r) _mm512_storeu_si512(k_pairs + (i / 2 + r) * keys + t, rows[r]);
    }
  }
  // The numbers of two vectors in turns.
  const __m512i turns =
      _mm512_add_epi16(_mm512_set1_epi32(16 << 16),
                       _mm512_mullo_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                                          _mm512_set1_epi32(0x10001)));
  for (int64_t t = 0; t < keys; t += 2) {
    const float* even = v + std::min(t, tokens - 1) * stride;
    const float* odd = v + std::min(t + 1, tokens - 1) * stride;  // what is not there is multiplied by zero
    for (int64_t i = 0; i < width; i += kLanes) {
      const __m512i pair = round(load(even + i, head - i), load(odd + i, head - i));
      _mm512_storeu_si512(v_pairs + t / 2 * width + i, _mm512_permutexvar_epi16(turns, pair));
    }
  }
  const float scale = 1 / std::sqrt(static_cast<float>(head));
  int64_t begun = 0;
  for (int64_t t = 0; t < tokens; t += products.rows) {
    const int64_t rows = std::min(products.rows, tokens - t);
    if (rows != begun) products.begin(rows);
    begun = rows;
    for (int64_t r = 0; r < rows; ++r) round_row(q + (t + r) * stride, head, q_pairs + r * width / 2);
    for (int64_t s = 0; s < keys; s += kWidth) {
      products.dots(q_pairs, width / 2, k_pairs + s, keys, rows, width / 2, scores + s, keys);
    }
    float inverse[kMost];
    for (int64_t r = 0; r < rows; ++r) {
      inverse[r] = 1 / softmax(scores + r * keys, tokens, keys, scale, shares + r * keys / 2);
    }
    for (int64_t i = 0; i < width; i += kWidth) {
      products.dots(shares, keys / 2, v_pairs + i, width, rows, keys / 2, mixed + i, width);
    }
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < head; i += kLanes) {
        const __m512 y = _mm512_mul_ps(_mm512_loadu_ps(mixed + r * width + i), _mm512_set1_ps(inverse[r]));
        float* place = out + (t + r) * out_stride + i;
        if (head - i >= kLanes) {
          _mm512_storeu_ps(place, y);
        } else {
          _mm512_mask_storeu_ps(place, first_lanes(head - i), y);
        }
      }
    }
  }
  products.end();
}

void attention_bf16(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t out_stride,
                    int64_t tokens, int64_t head, float* scratch) noexcept {
  attention(kProducts, q, k, v, stride, out, out_stride, tokens, head, scratch);
}

void attention_amx(const float* q, const float* k, const float* v, int64_t stride, float* out, int64_t out_stride,
                   int64_t tokens, int64_t head, float* scratch) noexcept {
  attention(*amx::products(), q, k, v, stride, out, out_stride, tokens, head, scratch);
}

}  // namespace

const avx512::Attention kAttentionBf16 = attention_bf16, kAttentionAmx = attention_amx;

}  // namespace nxm::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif

#if HWY_ONCE
namespace nxm {

#if HWY_TARGETS & HWY_AVX3
avx512::Attention avx512::attention_bf16() { return N_AVX3::kAttentionBf16; }
avx512::Attention avx512::attention_amx() { return N_AVX3::kAttentionAmx; }
#else
avx512::Attention avx512::attention_bf16() { return nullptr; }
avx512::Attention avx512::attention_amx() { return nullptr; }
#endif

}  // namespace nxm
#endif
