// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/projection.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/core/projection_loops.h"

namespace nxm {
namespace {

/// Weights a thread should have at least, to be worth waking it: some 10 microseconds of work.
constexpr int64_t kGrain = 1 << 15;

void run(const ProjectionJob& job, ThreadPool* pool) {
  job.pattern.check_fits(job.layer, job.w.rows, job.w.cols);
  const int64_t blocks = job.w.rows / job.pattern.share;
  const ProjectionVariant& best = projection_variants().front();
  if (pool == nullptr) return best.project(job, 0, blocks);
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, job.w.cols * job.pattern.share));
  pool->parallel_for(blocks, grain, [&](int64_t begin, int64_t end) { best.project(job, begin, end); });
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
