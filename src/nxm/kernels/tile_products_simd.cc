// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "nxm/kernels/simd_targets.h"
#include "nxm/kernels/tile_products.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/tile_products_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/amx-inl.h"
#include "nxm/kernels/avx512-inl.h"

#if HWY_TARGET == HWY_AVX3
#define NXM_BF16 HWY_TARGET_STR ",avx512bf16"
#define NXM_BF16_ATTR __attribute__((target(NXM_BF16)))  // for lambdas, as HWY_ATTR
HWY_PUSH_ATTRIBUTES(NXM_BF16)
namespace nxm::HWY_NAMESPACE {
namespace {

constexpr int64_t kUnit = TileProducts<uint16_t>::kUnit, kHalf = kUnit / 2;
constexpr int64_t kTile = kHalf * kUnit;       // values of a tile of the right operand
constexpr int64_t kBlockSize = kUnit * kUnit;  // values of two of them, side by side
constexpr int64_t kRows = 8;                   // whose sums are in registers, without tiles

/// Two rows of 16 values, side by side in pairs.
HWY_INLINE __m512i pairs(const uint16_t* low, const uint16_t* high) {
  const auto wide = [](const uint16_t* x) NXM_BF16_ATTR {
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x)));
  };
  return _mm512_or_si512(wide(low), _mm512_slli_epi32(wide(high), 16));
}
HWY_INLINE __m512i pairs(const float* low, const float* high) {
  const auto wide = [](const float* x) NXM_BF16_ATTR {
    return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x)));  // NOLINT: there is no other way
  };
  return _mm512_or_si512(wide(low), _mm512_slli_epi32(wide(high), 16));
}

template <typename T>
void pack(const T* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, uint16_t* packed) noexcept {
  for (int64_t g = 0; g < n / kUnit; ++g) {
    uint16_t* to = packed + g * steps * kBlockSize;
    for (int64_t row = 0; row < k; row += kUnit, to += kBlockSize) {
      for (int64_t pair = 0; pair < kHalf; ++pair) {
        const T* from = x + (row + 2 * pair) * x_stride + g * kUnit;
        _mm512_storeu_si512(to + pair * kUnit, pairs(from, from + x_stride));
        _mm512_storeu_si512(to + kTile + pair * kUnit, pairs(from + kHalf, from + x_stride + kHalf));
      }
    }
  }
}

void pack_columns(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, uint16_t* packed) noexcept {
  for (int64_t half = 0; half < n / kHalf; ++half) {
    uint16_t* to = packed + half / 2 * steps * kBlockSize + half % 2 * kTile;
    for (int64_t row = 0; row < k; row += kUnit, to += kBlockSize) {
      __m512i tile[kHalf];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kHalf; ++i) {
        const float* from = x + (half * kHalf + i) * x_stride + row;
        tile[i] = (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + kHalf), _mm512_loadu_ps(from));  // NOLINT
      }
      transpose(tile);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kHalf; ++i) _mm512_storeu_si512(to + i * kUnit, tile[i]);
    }
  }
}

void transpose_all(const uint16_t* x, int64_t x_stride, int64_t rows, int64_t columns, uint16_t* y,
                   int64_t y_stride) noexcept {
  for (int64_t column = 0; column < columns; column += kHalf) {
    for (int64_t row = 0; row < rows; row += kUnit) {
      __m512i tile[kHalf];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kHalf; ++i) {
        const uint16_t* from = x + (row + 2 * i) * x_stride + column;
        tile[i] = pairs(from, from + x_stride);
      }
      transpose(tile);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kHalf; ++i) _mm512_storeu_si512(y + (column + i) * y_stride + row, tile[i]);
    }
  }
}

/// 8 rows of a block of c, with vdpbf16ps: a pair of values of each row at a time, against 32 columns of b.
template <typename C>
HWY_INLINE void multiply_rows(const uint16_t* a, int64_t a_stride, const uint16_t* w, int64_t k, C* c,
                              int64_t c_stride) {
  __m512 sums[kRows][2];
#pragma GCC unroll 8
  for (auto& row : sums) row[0] = row[1] = _mm512_setzero_ps();
  for (int64_t s = 0; s < k; s += kUnit, w += kBlockSize) {
#pragma GCC unroll 2
    for (int64_t pair = 0; pair < kHalf; ++pair) {
      const auto low = (__m512bh)_mm512_loadu_si512(w + pair * kUnit);           // NOLINT
      const auto high = (__m512bh)_mm512_loadu_si512(w + kTile + pair * kUnit);  // NOLINT
#pragma GCC unroll 8
      for (int64_t r = 0; r < kRows; ++r) {
        int32_t both;
        std::memcpy(&both, a + r * a_stride + s + 2 * pair, sizeof both);
        const auto x = (__m512bh)_mm512_set1_epi32(both);  // NOLINT
        sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, low);
        sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, high);
        asm("" : "+v"(sums[r][0]), "+v"(sums[r][1]));  // keeps GCC 12 from moving them about
      }
    }
  }
#pragma GCC unroll 8
  for (int64_t r = 0; r < kRows; ++r) {
    if constexpr (std::is_same_v<C, uint16_t>) {
      _mm512_storeu_si512(c + r * c_stride, (__m512i)_mm512_cvtne2ps_pbh(sums[r][1], sums[r][0]));  // NOLINT
    } else {
      _mm512_storeu_ps(c + r * c_stride, sums[r][0]);
      _mm512_storeu_ps(c + r * c_stride + kHalf, sums[r][1]);
    }
  }
}

template <typename C>
void multiply_vectors(const uint16_t* a, int64_t a_stride, const uint16_t* packed, int64_t steps, int64_t m, int64_t n,
                      int64_t k, C* c, int64_t c_stride, uint16_t* /*scratch*/) noexcept {
  for (int64_t row = 0; row < m; row += kUnit) {
    for (int64_t g = 0; g < n / kUnit; ++g) {
      for (int64_t r = row; r < row + kUnit; r += kRows) {
        multiply_rows(a + r * a_stride, a_stride, packed + g * steps * kBlockSize, k, c + r * c_stride + g * kUnit,
                      c_stride);
      }
    }
  }
}

}  // namespace

const TileProducts<uint16_t> kVectorProducts = {
    pack<uint16_t>, pack<float>, pack_columns, transpose_all, multiply_vectors<uint16_t>, multiply_vectors<float>};

}  // namespace nxm::HWY_NAMESPACE
HWY_POP_ATTRIBUTES

HWY_PUSH_ATTRIBUTES(NXM_AMX)
namespace nxm::HWY_NAMESPACE {
namespace {

/// Sums of a block, which are rounded while the next is multiplied.
class Rounding {
 public:
  HWY_INLINE void take(uint16_t* c, int64_t c_stride) {
    constexpr int64_t kBytes = kUnit * sizeof(float);
    _tile_stored(0, sums_[0], kBytes);
    _tile_stored(1, sums_[0] + kHalf, kBytes);
    _tile_stored(2, sums_[kHalf], kBytes);
    _tile_stored(3, sums_[kHalf] + kHalf, kBytes);
    fence();
    c_ = c;
    c_stride_ = c_stride;
    left_ = kUnit;
  }
  HWY_INLINE void rows(int64_t n) {
    for (n = std::min(n, left_); n > 0; --n) {
      const float* sums = sums_[--left_];
      const auto both = _mm512_cvtne2ps_pbh(_mm512_load_ps(sums + kHalf), _mm512_load_ps(sums));
      _mm512_storeu_si512(c_ + left_ * c_stride_, (__m512i)both);  // NOLINT
    }
  }

 private:
  alignas(64) float sums_[kUnit][kUnit];
  uint16_t* c_ = nullptr;
  int64_t c_stride_ = 0, left_ = 0;
};

/// to <- kUnit rows of x (k values each), in tiles as they are loaded: for each kUnit values of a row the upper 16
/// rows, then the lower.
HWY_INLINE void gather(const uint16_t* x, int64_t x_stride, int64_t k, uint16_t* to) {
  for (int64_t s = 0; s < k; s += kUnit, to += kBlockSize) {
#pragma GCC unroll 8
    for (int64_t r = 0; r < kUnit; ++r) _mm512_store_si512(to + r * kUnit, _mm512_loadu_si512(x + r * x_stride + s));
  }
}

template <typename C>
void multiply_all(const uint16_t* a, int64_t a_stride, const uint16_t* packed, int64_t steps, int64_t m, int64_t n,
                  int64_t k, C* c, int64_t c_stride, uint16_t* scratch) noexcept {
  constexpr int64_t kBytes = kUnit * sizeof(uint16_t);  // of a row of a tile
  const int64_t turn = (kUnit * kUnit + k - 1) / k;
  configure(kHalf, kHalf);
  Rounding rounding;
  for (int64_t row = 0; row < m; row += kUnit) {
    gather(a + row * a_stride, a_stride, k, scratch);
    fence();
    for (int64_t g = 0; g < n / kUnit; ++g) {
      const uint16_t* x = scratch;
      const uint16_t* w = packed + g * steps * kBlockSize;
      zero_sums();
      for (int64_t s = 0; s < k; s += kUnit, x += kBlockSize, w += kBlockSize) {
        _tile_loadd(6, w, kBytes);
        _tile_loadd(7, w + kTile, kBytes);
        _tile_loadd(4, x, kBytes);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, x + kTile, kBytes);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
        if constexpr (std::is_same_v<C, uint16_t>) rounding.rows(turn);
      }
      C* to = c + row * c_stride + g * kUnit;
      if constexpr (std::is_same_v<C, uint16_t>) {
        rounding.rows(kUnit);
        rounding.take(to, c_stride);
      } else {
        const int64_t c_bytes = c_stride * static_cast<int64_t>(sizeof(C));
        _tile_stored(0, to, c_bytes);
        _tile_stored(1, to + kHalf, c_bytes);
        _tile_stored(2, to + kHalf * c_stride, c_bytes);
        _tile_stored(3, to + kHalf * c_stride + kHalf, c_bytes);
      }
    }
  }
  rounding.rows(kUnit);
  fence();
  _tile_release();
}

}  // namespace

const TileProducts<uint16_t> kTileProducts = {pack<uint16_t>,         pack<float>,        pack_columns, transpose_all,
                                              multiply_all<uint16_t>, multiply_all<float>};

}  // namespace nxm::HWY_NAMESPACE
HWY_POP_ATTRIBUTES

HWY_BEFORE_NAMESPACE();
namespace nxm::HWY_NAMESPACE {
namespace {

using F32Products = TileProducts<float>;

constexpr int64_t kLanes = F32Products::kUnit;  // columns of a panel: blocks, one below the other
constexpr int64_t kFloatRows = 8;               // whose sums are in registers
constexpr int64_t kMostPanels = 3;              // at a time
constexpr int64_t kPartBytes = 1 << 18;  // of the left operand, which stay in the second-level cache while panels go by

void pack_f32(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, float* packed) noexcept {
  for (int64_t column = 0; column < n; column += kLanes, packed += steps * kLanes * kLanes) {
    for (int64_t row = 0; row < k; ++row) {
      _mm512_storeu_ps(packed + row * kLanes, _mm512_loadu_ps(x + row * x_stride + column));
    }
  }
}

/// y (columns, rows) <- x^T.
void transpose_f32(const float* x, int64_t x_stride, int64_t rows, int64_t columns, float* y,
                   int64_t y_stride) noexcept {
  for (int64_t row = 0; row < rows; row += kLanes) {
    for (int64_t column = 0; column < columns; column += kLanes) {
      __m512i tile[kLanes];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kLanes; ++i) tile[i] = _mm512_loadu_si512(x + (row + i) * x_stride + column);
      transpose(tile);
#pragma GCC unroll 16
      for (int64_t i = 0; i < kLanes; ++i) _mm512_storeu_si512(y + (column + i) * y_stride + row, tile[i]);
    }
  }
}

void pack_f32_columns(const float* x, int64_t x_stride, int64_t k, int64_t n, int64_t steps, float* packed) noexcept {
  for (int64_t column = 0; column < n; column += kLanes, packed += steps * kLanes * kLanes) {
    transpose_f32(x + column * x_stride, x_stride, kLanes, k, packed, kLanes);
  }
}

/// kFloatRows rows of kPanels panels of c.
template <int kPanels>
HWY_NOINLINE void multiply_panels(const float* a, int64_t a_stride, const float* w, int64_t panel, int64_t k, float* c,
                                  int64_t c_stride) {
  __m512 sums[kFloatRows][kPanels];
#pragma GCC unroll 8
  for (auto& row : sums) {
#pragma GCC unroll 3
    for (auto& sum : row) sum = _mm512_setzero_ps();
  }
  for (int64_t s = 0; s < k; ++s, w += kLanes) {
    __m512 columns[kPanels];
#pragma GCC unroll 3
    for (int64_t p = 0; p < kPanels; ++p) columns[p] = _mm512_loadu_ps(w + p * panel);
#pragma GCC unroll 8
    for (int64_t r = 0; r < kFloatRows; ++r) {
      const __m512 x = _mm512_set1_ps(a[r * a_stride + s]);
#pragma GCC unroll 3
      for (int64_t p = 0; p < kPanels; ++p) sums[r][p] = _mm512_fmadd_ps(x, columns[p], sums[r][p]);
    }
  }
#pragma GCC unroll 8
  for (int64_t r = 0; r < kFloatRows; ++r) {
#pragma GCC unroll 3
    for (int64_t p = 0; p < kPanels; ++p) _mm512_storeu_ps(c + r * c_stride + p * kLanes, sums[r][p]);
  }
}

void multiply_f32(const float* a, int64_t a_stride, const float* packed, int64_t steps, int64_t m, int64_t n, int64_t k,
                  float* c, int64_t c_stride, float* /*scratch*/) noexcept {
  constexpr void (*kBy[])(const float*, int64_t, const float*, int64_t, int64_t, float*, int64_t) = {
      multiply_panels<1>, multiply_panels<2>, multiply_panels<3>};
  const int64_t panel = steps * kLanes * kLanes;
  const int64_t part =
      std::max<int64_t>(1, kPartBytes / (k * static_cast<int64_t>(sizeof(float)) * kFloatRows)) * kFloatRows;
  for (int64_t first = 0; first < m; first += part) {
    const int64_t last = std::min(first + part, m);
    for (int64_t column = 0; column < n; column += kMostPanels * kLanes) {
      const int64_t panels = std::min(kMostPanels, (n - column) / kLanes);
      for (int64_t row = first; row < last; row += kFloatRows) {
        kBy[panels - 1](a + row * a_stride, a_stride, packed + column / kLanes * panel, panel, k,
                        c + row * c_stride + column, c_stride);
      }
    }
  }
}

}  // namespace

const F32Products kFloatProducts = {pack_f32, pack_f32, pack_f32_columns, transpose_f32, multiply_f32, multiply_f32};

}  // namespace nxm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace nxm {

const TileProducts<uint16_t>* tile_products_bf16([[maybe_unused]] Target target) {
#if HWY_TARGETS & HWY_AVX3
  if (target == Target::kAmx) return &N_AVX3::kTileProducts;
  if (includes(target, Target::kAvx512Bf16)) return &N_AVX3::kVectorProducts;
#endif
  return nullptr;
}

const TileProducts<float>* tile_products_f32([[maybe_unused]] Target target) {
#if HWY_TARGETS & HWY_AVX3
  if (includes(target, Target::kAvx512)) return &N_AVX3::kFloatProducts;
#endif
  return nullptr;
}

}  // namespace nxm
#endif
