// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/projection_loops.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "nxm/core/error.h"

namespace nxm {
namespace {

/// What Pattern allows.
constexpr int kLargestOf = 64;
/// Weights of a tile; larger ones overlap worse with the memory (bench/notes/projection.md).
constexpr int kTile = 128;

[[noreturn, gnu::noinline]] void fail_nan(const ProjectionJob& job, int64_t i) {
  fail("projection",
       "layer '{}': expected numbers, got NaN at row {}, column {}. Look for the step at which the weights diverged",
       job.layer, i / job.w.cols, i % job.w.cols);
}

/// One tile of whole groups in a row-major matrix, share 1. A weight is kept if fewer than `keep` go before it: larger
/// ones, or equal ones with a lower index. To rank without branches a group's magnitudes (as integers, which order as
/// the floats do) are written twice, the second time one higher: then from any i the other members follow in the next
/// kOf - 1 places, and those with a lower index win a tie. False, and nothing written, if there is a NaN.
/// (The rank's spelling matters: this is the one that GCC turns into one comparison a step for a whole group.)
template <int kOf>
[[gnu::always_inline]] inline bool project_tile(const float* w, int keep, float* out, uint8_t* mask) {
  constexpr int32_t kInfinity = 0x7F800000;
  int32_t magnitude[kTile];
  int32_t twice[2 * kTile];
  int32_t kept[kTile];  // all bits or none
  int32_t nan = 0;
  for (int c = 0; c < kTile; ++c) {
    magnitude[c] = std::bit_cast<int32_t>(w[c]) & 0x7FFFFFFF;
    nan |= magnitude[c] > kInfinity;
  }
  if (nan != 0) return false;
  for (int group = 0; group < kTile; group += kOf) {
    for (int i = 0; i < kOf; ++i) twice[2 * group + i] = magnitude[group + i];
    for (int i = 0; i < kOf; ++i) twice[2 * group + kOf + i] = magnitude[group + i] + 1;
  }
  for (int group = 0; group < kTile; group += kOf) {
    for (int i = 0; i < kOf; ++i) {
      const int32_t* t = &twice[int64_t{2} * group];
      const int rank = [&]<int... kStep>(std::integer_sequence<int, kStep...>) {
        return ((t[i + kStep + 1] > t[i]) + ...);
      }
      (std::make_integer_sequence<int, kOf - 1>{});
      kept[group + i] = -static_cast<int32_t>(rank < keep);
    }
  }
  if (out != nullptr) {
    for (int c = 0; c < kTile; ++c) out[c] = std::bit_cast<float>(std::bit_cast<int32_t>(w[c]) & kept[c]);
  }
  if (mask != nullptr) {
    for (int c = 0; c < kTile; ++c) mask[c] = static_cast<uint8_t>(kept[c] & 1);
  }
  return true;
}

template <int kOf>
[[gnu::always_inline]] inline int64_t project_tiles_of(const float* w, int64_t n, int keep, float* out, uint8_t* mask) {
  int64_t i = 0;
  for (; i + kTile <= n; i += kTile) {
    const bool good = project_tile<kOf>(w + i, keep, out == nullptr ? out : out + i, mask == nullptr ? mask : mask + i);
    if (!good) return i;
  }
  if (i == n) return n;
  float w_end[kTile] = {};  // the last, shorter tile, filled up with zeros
  float out_end[kTile];
  uint8_t mask_end[kTile];
  std::copy(w + i, w + n, w_end);
  if (!project_tile<kOf>(w_end, keep, out_end, mask_end)) return i;
  if (out != nullptr) std::copy_n(out_end, n - i, out + i);
  if (mask != nullptr) std::copy_n(mask_end, n - i, mask + i);
  return n;
}

constexpr bool has_tiles(const Pattern& p) {
  return p.share == 1 && (p.of == 2 || p.of == 4 || p.of == 8 || p.of == 16);
}

/// n weights in whole groups. Returns n, or the start of the first tile that holds a NaN.
[[gnu::always_inline]] inline int64_t project_tiles(const Pattern& pattern, const float* w, int64_t n, float* out,
                                                    uint8_t* mask) {
  switch (pattern.of) {
    case 2:
      return project_tiles_of<2>(w, n, pattern.keep, out, mask);
    case 4:
      return project_tiles_of<4>(w, n, pattern.keep, out, mask);
    case 8:
      return project_tiles_of<8>(w, n, pattern.keep, out, mask);
    default:
      return project_tiles_of<16>(w, n, pattern.keep, out, mask);
  }
}

/// Rows begin…end-1 by tiles; as `of` divides a row, the rows are one long run of groups.
[[gnu::always_inline]] inline void project_rows(const ProjectionJob& job, int64_t begin, int64_t end) {
  const int64_t cols = job.w.cols;
  const int64_t n = (end - begin) * cols;
  const float* w = job.w.row(begin);
  float* out = job.out.data == nullptr ? nullptr : job.out.row(begin);
  int64_t i = project_tiles(job.pattern, w, n, out, job.mask.data == nullptr ? nullptr : job.mask.row(begin));
  if (i == n) return;
  while (!std::isnan(w[i])) ++i;
  fail_nan(job, begin * cols + i);
}

/// Is sums[i] among the `keep` largest of its group (ties to the lowest index)? Ranks as project_tile does.
[[gnu::always_inline]] inline void choose(const double* sums, int of, int keep, uint8_t* kept) {
  int64_t twice[2 * kLargestOf];
  for (int i = 0; i < of; ++i) twice[i] = std::bit_cast<int64_t>(sums[i]);
  for (int i = 0; i < of; ++i) twice[of + i] = twice[i] + 1;
  int64_t rank[kLargestOf];
  for (int i = 0; i < of; ++i) rank[i] = 0;
  for (int k = 1; k < of; ++k) {
    for (int i = 0; i < of; ++i) rank[i] += twice[i + k] > twice[i];
  }
  for (int i = 0; i < of; ++i) kept[i] = static_cast<uint8_t>(rank[i] < keep);
}

/// Blocks begin…end-1 of `share` rows each, any pattern. The square of a float is exact in double, so with one row a
/// block the order is exactly that of |w|.
[[gnu::always_inline]] inline void project_blocks(const ProjectionJob& job, int64_t begin, int64_t end) {
  const int64_t cols = job.w.cols;
  std::vector<double> sums(static_cast<size_t>(cols));
  std::vector<uint8_t> kept(static_cast<size_t>(cols));
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * job.pattern.share;
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t r = first; r < first + job.pattern.share; ++r) {
      const float* w = job.w.row(r);
      for (int64_t c = 0; c < cols; ++c) sums[static_cast<size_t>(c)] += static_cast<double>(w[c]) * w[c];
    }
    if (std::any_of(sums.begin(), sums.end(), [](double sum) { return std::isnan(sum); })) {
      int64_t i = first * cols;
      while (!std::isnan(job.w.data[i])) ++i;
      fail_nan(job, i);
    }
    for (int64_t c = 0; c < cols; c += job.pattern.of) {
      choose(sums.data() + c, job.pattern.of, job.pattern.keep, kept.data() + c);
    }
    for (int64_t r = first; r < first + job.pattern.share; ++r) {
      const float* w = job.w.row(r);
      if (job.mask.data != nullptr) std::copy(kept.begin(), kept.end(), job.mask.row(r));
      if (job.out.data == nullptr) continue;
      for (int64_t c = 0; c < cols; ++c) job.out.row(r)[c] = kept[static_cast<size_t>(c)] != 0 ? w[c] : 0.0F;
    }
  }
}

[[gnu::always_inline]] inline void project_range(const ProjectionJob& job, int64_t begin, int64_t end) {
  has_tiles(job.pattern) ? project_rows(job, begin, end) : project_blocks(job, begin, end);
}

// Everything above is written for the compiler to vectorise. It does so once for what the program is built for and once
// for AVX2, hence always_inline; bench/notes/projection.md says what that brings.
void project_plain(const ProjectionJob& job, int64_t begin, int64_t end) { project_range(job, begin, end); }

#if defined(__x86_64__)
[[gnu::target("avx2")]] void project_avx2(const ProjectionJob& job, int64_t begin, int64_t end) {
  project_range(job, begin, end);
}
bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
#else
constexpr auto project_avx2 = project_plain;
bool has_avx2() { return false; }
#endif

constexpr std::array kVariants = {ProjectionVariant{"avx2", project_avx2}, ProjectionVariant{"plain", project_plain}};

}  // namespace

std::span<const ProjectionVariant> projection_variants() { return std::span(kVariants).subspan(has_avx2() ? 0 : 1); }

}  // namespace nxm
