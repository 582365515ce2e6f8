// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/projection.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nxm/core/error.h"

namespace nxm {
namespace {

/// Elements a thread should have at least, to be worth waking it: some 50 microseconds of work.
constexpr int64_t kGrain = 1 << 16;

/// What one call is about; out.data and mask.data may be null.
struct Job {
  MatrixView<const float> w;
  Pattern pattern;
  MatrixView<float> out;
  MaskView mask;
  std::string_view layer;
};

[[noreturn]] void fail_nan(const Job& job, int64_t row, int64_t col) {
  fail("projection", "layer '{}': expected numbers, but the weight at row {}, column {} is NaN", job.layer, row, col);
}

/// kept[i] = is sums[i] among the `keep` largest of its group (ties to the lowest index)?
void choose(const double* sums, const Pattern& pattern, uint8_t* kept) {
  for (int i = 0; i < pattern.of; ++i) {
    int rank = 0;  // how many go before i
    for (int j = 0; j < i; ++j) rank += sums[j] >= sums[i];
    for (int j = i + 1; j < pattern.of; ++j) rank += sums[j] > sums[i];
    kept[i] = rank < pattern.keep;
  }
}

/// Blocks begin…end-1 of `share` rows each. The square of a float is exact in double, so with one row a block the order
/// is exactly that of |w|.
void project_blocks(const Job& job, int64_t begin, int64_t end) {
  const int64_t cols = job.w.cols;
  std::vector<double> sums(static_cast<size_t>(cols));
  std::vector<uint8_t> kept(static_cast<size_t>(cols));
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * job.pattern.share;
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t r = first; r < first + job.pattern.share; ++r) {
      const float* w = job.w.row(r);
      for (int64_t c = 0; c < cols; ++c) {
        if (std::isnan(w[c])) fail_nan(job, r, c);
        sums[static_cast<size_t>(c)] += static_cast<double>(w[c]) * w[c];
      }
    }
    for (int64_t c = 0; c < cols; c += job.pattern.of) choose(sums.data() + c, job.pattern, kept.data() + c);
    for (int64_t r = first; r < first + job.pattern.share; ++r) {
      if (job.mask.data != nullptr) std::copy(kept.begin(), kept.end(), job.mask.row(r));
      if (job.out.data == nullptr) continue;
      for (int64_t c = 0; c < cols; ++c) job.out.row(r)[c] = kept[static_cast<size_t>(c)] != 0 ? job.w.row(r)[c] : 0.0F;
    }
  }
}

void run(const Job& job, ThreadPool* pool) {
  job.pattern.check_fits(job.layer, job.w.rows, job.w.cols);
  const int64_t blocks = job.w.rows / job.pattern.share;
  if (pool == nullptr) return project_blocks(job, 0, blocks);
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, job.w.cols * job.pattern.share));
  pool->parallel_for(blocks, grain, [&](int64_t begin, int64_t end) { project_blocks(job, begin, end); });
}

}  // namespace

void project(MatrixView<const float> w, const Pattern& pattern, MatrixView<float> out, MaskView mask,
             std::string_view layer, ThreadPool* pool) {
  require(out.rows == w.rows && out.cols == w.cols, "project: w and out of different shapes");
  require(mask.data == nullptr || (mask.rows == w.rows && mask.cols == w.cols), "project: w and mask differ in shape");
  run({w, pattern, out, mask, layer}, pool);
}

void choose_mask(MatrixView<const float> scores, const Pattern& pattern, MaskView mask, std::string_view layer,
                 ThreadPool* pool) {
  require(mask.rows == scores.rows && mask.cols == scores.cols, "choose_mask: scores and mask of different shapes");
  run({scores, pattern, {}, mask, layer}, pool);
}

}  // namespace nxm
