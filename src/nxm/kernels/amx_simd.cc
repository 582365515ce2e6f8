// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "nxm/kernels/amx.h"
#include "nxm/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nxm/kernels/amx_simd.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h, as Highway asks.
#include <hwy/highway.h>

#include "nxm/kernels/amx-inl.h"
#include "nxm/kernels/avx512-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_PUSH_ATTRIBUTES(NXM_AMX)
namespace nxm::HWY_NAMESPACE {
namespace {

using namespace amx;

struct Bf16Tiles {
  using Sum = __m512;
  static constexpr int64_t kMaskBytes = mask_bytes(2);
  static constexpr int64_t kFew = 1;  // tokens for which vectors beat tiles: a product of vectors takes two cycles
  static HWY_INLINE void first() {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
  }
  static HWY_INLINE void second() {
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  static HWY_INLINE Sum zero() { return _mm512_setzero_ps(); }
  static HWY_INLINE Sum load(const float* sums) { return _mm512_load_ps(sums); }
  static HWY_INLINE Sum add(Sum a, Sum b) { return _mm512_add_ps(a, b); }
  static HWY_INLINE Sum dot(Sum sum, __m512i x, __m512i w) {
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);  // NOLINT: there is no other way to convert
  }
  /// Calls with_row(r, row) for a tile's rows.
  template <class F>
  static HWY_INLINE void expand(const std::byte*& kept, const std::byte* mask, const uint8_t* counts, F with_row) {
    const __m512i bits = _mm512_load_si512(mask);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const __mmask32 row = _mm512_movepi16_mask(_mm512_slli_epi16(bits, 15 - r));
      with_row(r, _mm512_maskz_expand_epi16(row, _mm512_loadu_si512(kept)));
      kept += counts[r];
    }
  }
};

struct Int8Tiles {
  using Sum = __m512i;
  static constexpr int64_t kMaskBytes = mask_bytes(1);
  static constexpr int64_t kFew = 2;
  static HWY_INLINE void first() {
    _tile_dpbusd(0, 4, 6);
    _tile_dpbusd(1, 4, 7);
  }
  static HWY_INLINE void second() {
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
  }
  static HWY_INLINE Sum zero() { return _mm512_setzero_si512(); }
  static HWY_INLINE Sum load(const float* sums) { return _mm512_load_si512(sums); }
  static HWY_INLINE Sum add(Sum a, Sum b) { return _mm512_add_epi32(a, b); }
  static HWY_INLINE Sum dot(Sum sum, __m512i x, __m512i w) { return _mm512_dpbusd_epi32(sum, x, w); }
  template <class F>
  static HWY_INLINE void expand(const std::byte*& kept, const std::byte* mask, const uint8_t* counts, F with_row) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const __m512i bits = _mm512_load_si512(mask + half * kRowBytes);
#pragma GCC unroll 8
      for (int r = 0; r < 8; ++r) {
        const __mmask64 row = _mm512_movepi8_mask(_mm512_slli_epi16(bits, 7 - r));
        with_row(half * 8 + r, _mm512_maskz_expand_epi8(row, _mm512_loadu_si512(kept)));
        kept += counts[half * 8 + r];
      }
    }
  }
};

/// A group's N:M tiles, one after the other.
template <class P>
class Kept {
 public:
  HWY_INLINE Kept(const Layout& w, int64_t group)
      : kept_(w.kept + w.starts[group]),
        mask_(w.masks + group * w.steps * kGroup * P::kMaskBytes),
        counts_(w.counts + group * w.steps * kGroup * kRows) {}
  template <class F>
  HWY_INLINE void tile(F with_row) {
    P::expand(kept_, mask_, counts_, with_row);
    mask_ += P::kMaskBytes;
    counts_ += kRows;
  }

 private:
  const std::byte *kept_, *mask_;
  const uint8_t* counts_;
};

/// A group's dense tiles, likewise.
class Tiles {
 public:
  HWY_INLINE Tiles(const Layout& w, int64_t group) : at_(w.tiles + group * w.steps * kGroup * kTileBytes) {}
  template <class F>
  HWY_INLINE void tile(F with_row) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r, at_ += kRowBytes) with_row(r, _mm512_load_si512(at_));
  }

 private:
  const std::byte* at_;
};

/// N:M tiles into a strip, a step at a time.
template <class P>
class Expander {
 public:
  HWY_INLINE Expander(const Task& t, int64_t group) : kept_(t.weights, group), to_(t.strip) {}
  HWY_INLINE void step() {
#pragma GCC unroll 2
    for (int p = 0; p < kGroup; ++p, to_ += kTileBytes) {
      kept_.tile([this](int r, __m512i row) NXM_AMX_ATTR { _mm512_store_si512(to_ + r * kRowBytes, row); });
    }
    fence();
  }

 private:
  Kept<P> kept_;
  std::byte* to_;
};

/// What takes its place where the tiles are there.
struct Expanded {
  Expanded(const Task& /*t*/, int64_t /*group*/) {}
  void step() {}
};

/// The sums of one block, which become y, some rows at a time, while the tiles of the next are multiplied.
template <class P>
class Pending {
 public:
  explicit Pending(const avx512::Output& out) : out_(out) {}
  /// Tiles 0 to 3 are tokens [from, from + rows) of a group. `two`: tiles 2 and 3 are tokens of their own, else parts
  /// of the sums. To be finished in `turns`.
  HWY_INLINE void take(int64_t group, int64_t from, int64_t rows, bool two, int64_t turns) {
    _tile_stored(0, sums_[0], kRowBytes);
    _tile_stored(1, sums_[1], kRowBytes);
    _tile_stored(2, sums_[2], kRowBytes);
    _tile_stored(3, sums_[3], kRowBytes);
    fence();
    group_ = group;
    from_ = from;
    rows_ = rows;
    two_ = two;
    next_ = 0;
    turn_ = (rows + turns - 1) / turns;
  }
  HWY_INLINE void turn() {
    if (next_ < rows_) finish(std::min(next_ + turn_, rows_));
  }
  HWY_INLINE void finish() { finish(rows_); }

 private:
  HWY_INLINE void finish(int64_t end) {
    const Finish low(out_, group_ * kGroup), high(out_, group_ * kGroup + 1);
    for (; next_ < end; ++next_) {
      const float(*sums)[kRows][kLanes] = sums_ + next_ / kRows * 2;
      const int64_t r = next_ % kRows;
      typename P::Sum a = P::load(sums[0][r]), b = P::load(sums[1][r]);
      if (!two_) {
        a = P::add(a, P::load(sums[2][r]));
        b = P::add(b, P::load(sums[3][r]));
      }
      low.write(from_ + next_, a);
      high.write(from_ + next_, b);
    }
  }

  static constexpr int64_t kLanes = kRowBytes / sizeof(float);
  const avx512::Output& out_;
  int64_t group_ = 0, from_ = 0, rows_ = 0, next_ = 0, turn_ = 0;
  bool two_ = false;
  alignas(kRowBytes) float sums_[4][kRows][kLanes];
};

/// A group's products of tokens [from, from + rows), rows <= 32. `kTwo`: rows > 16; else the steps' sums take turns in
/// two pairs of tiles, to hide their latency. `kExpand`: the tiles are not there yet.
template <class P, bool kTwo, bool kExpand>
HWY_NOINLINE void multiply(const Task& t, Pending<P>& pending, int64_t group, int64_t from, int64_t rows) {
  const int64_t steps = t.weights.steps;
  const std::byte* x = t.x + from * t.stride;
  const std::byte* below = x + kRows * t.stride;
  const std::byte* w = t.weights.tiles == nullptr ? t.strip : t.weights.tiles + group * steps * kGroup * kTileBytes;
  zero_sums();
  std::conditional_t<kExpand, Expander<P>, Expanded> expander(t, group);
  expander.step();
  for (int64_t s = 0; s < steps; ++s, w += kGroup * kTileBytes) {
    if (s + 1 < steps) expander.step();
    pending.turn();
    _tile_loadd(6, w, kRowBytes);
    _tile_loadd(7, w + kTileBytes, kRowBytes);
    if (kTwo) {
      _tile_loadd(4, x + s * kRowBytes, t.stride);
      P::first();
      _tile_loadd(5, below + s * kRowBytes, t.stride);
      P::second();
    } else if (s % 2 == 0) {
      _tile_loadd(4, x + s * kRowBytes, t.stride);
      P::first();
    } else {
      _tile_loadd(5, x + s * kRowBytes, t.stride);
      P::second();
    }
  }
  pending.finish();
  pending.take(group, from, rows, kTwo, steps);
}

template <class P, bool kExpand>
void block(const Task& t, Pending<P>& pending, int64_t group, int64_t from, int64_t rows) {
  return rows > kRows ? multiply<P, true, kExpand>(t, pending, group, from, rows)
                      : multiply<P, false, kExpand>(t, pending, group, from, rows);
}

/// `rows` of a block, for multiply() and dots().
HWY_INLINE void configure_block(int64_t rows) { configure(std::min(rows, kRows), rows > kRows ? rows - kRows : rows); }

/// A group's products of a few tokens, whose sums registers hold: no tile is made of a row of weights.
template <class P, bool kSparse, int kTokens>
HWY_NOINLINE void few(const Task& t) {
  constexpr int kSplit = 8 / kTokens;  // to hide latencies
  const Layout& w = t.weights;
  for (int64_t group = t.first; group < t.last; ++group) {
    typename P::Sum sum[kTokens][kGroup][kSplit];
    for (auto& token : sum) {
      for (auto& panel : token) std::fill_n(panel, kSplit, P::zero());
    }
    std::conditional_t<kSparse, Kept<P>, Tiles> tiles(w, group);
    const std::byte* x = t.x;
    for (int64_t s = 0; s < w.steps; ++s, x += kRowBytes) {
#pragma GCC unroll 2
      for (int p = 0; p < kGroup; ++p) {
        tiles.tile([&](int r, __m512i row) NXM_AMX_ATTR {
#pragma GCC unroll 2
          for (int i = 0; i < kTokens; ++i) {
            int32_t lane;
            __builtin_memcpy(&lane, x + i * t.stride + r * sizeof(lane), sizeof(lane));
            auto& to = sum[i][p][r % kSplit];
            to = P::dot(to, _mm512_set1_epi32(lane), row);
          }
        });
      }
    }
    for (int p = 0; p < kGroup; ++p) {
      const Finish finish(t.out, group * kGroup + p);
#pragma GCC unroll 2
      for (int i = 0; i < kTokens; ++i) {
        typename P::Sum all = sum[i][p][0];
#pragma GCC unroll 8
        for (int k = 1; k < kSplit; ++k) all = P::add(all, sum[i][p][k]);
        finish.write(i, all);
      }
    }
  }
}

template <class P, bool kSparse>
void few_of(const Task& t) {
  t.tokens == 1 ? few<P, kSparse, 1>(t) : few<P, kSparse, 2>(t);
}

template <class P>
void run(const Task& t) noexcept {
  if (t.tokens <= P::kFew) return t.weights.tiles == nullptr ? few_of<P, true>(t) : few_of<P, false>(t);
  Pending<P> pending(t.out);
  int64_t configured = 0;
  for (int64_t group = t.first; group < t.last; ++group) {
    for (int64_t from = 0; from < t.tokens; from += kBlock) {
      const int64_t rows = std::min(kBlock, t.tokens - from);
      if (rows != configured) configure_block(rows);
      configured = rows;
      if (from == 0 && t.weights.tiles == nullptr) {
        block<P, true>(t, pending, group, from, rows);
      } else {
        block<P, false>(t, pending, group, from, rows);
      }
    }
  }
  pending.finish();
  _tile_release();
}

void begin(int64_t rows) noexcept { configure_block(rows); }
void end() noexcept { _tile_release(); }

void dots(const uint32_t* a, int64_t a_stride, const uint32_t* b, int64_t b_stride, int64_t rows, int64_t n, float* c,
          int64_t c_stride) noexcept {
  const auto bytes = [](int64_t stride) { return stride * static_cast<int64_t>(sizeof(uint32_t)); };
  const bool two = rows > kRows;
  fence();
  zero_sums();
  for (int64_t i = 0; i < n; i += kRows, b += kRows * b_stride) {
    _tile_loadd(6, b, bytes(b_stride));
    _tile_loadd(7, b + kRows, bytes(b_stride));
    _tile_loadd(4, a + i, bytes(a_stride));
    Bf16Tiles::first();
    if (!two) continue;
    _tile_loadd(5, a + kRows * a_stride + i, bytes(a_stride));
    Bf16Tiles::second();
  }
  _tile_stored(0, c, bytes(c_stride));
  _tile_stored(1, c + kRows, bytes(c_stride));
  if (two) {
    _tile_stored(2, c + kRows * c_stride, bytes(c_stride));
    _tile_stored(3, c + kRows * c_stride + kRows, bytes(c_stride));
  }
  fence();
}

}  // namespace

const Code kAmxCode = {run<Bf16Tiles>, run<Int8Tiles>};
const avx512::Products kAmxProducts = {kBlock, begin, dots, end};

}  // namespace nxm::HWY_NAMESPACE
HWY_POP_ATTRIBUTES
#endif

#if HWY_ONCE
namespace nxm {

#if HWY_TARGETS & HWY_AVX3
const amx::Code* amx::code() { return &N_AVX3::kAmxCode; }
const avx512::Products* amx::products() { return &N_AVX3::kAmxProducts; }
#else
const amx::Code* amx::code() { return nullptr; }
const avx512::Products* amx::products() { return nullptr; }
#endif

}  // namespace nxm
#endif
