// SPDX-License-Identifier: Apache-2.0
#pragma once
// For those who cut work into tiles. Internal to kernels.

#include <algorithm>
#include <cstdint>
#include <functional>

#include "nxm/core/thread_pool.h"

namespace nxm {

/// a / b, rounded up, for a >= 0 and b > 0.
constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Rows in tiles of `most` rows at most, and these in blocks of `block_bytes` or little more: both as equal as they can
/// be, since threads share them out by number.
class RowBlocks {
 public:
  RowBlocks(int64_t rows, int64_t most, int64_t row_bytes, int64_t block_bytes)
      : rows_(rows),
        tile_(ceil_div(rows, ceil_div(rows, most))),
        tiles_(ceil_div(rows, tile_)),
        count_(std::min(tiles_, ceil_div(rows * row_bytes, block_bytes))) {}

  [[nodiscard]] int64_t tile() const { return tile_; }  ///< rows of every tile but the last
  [[nodiscard]] int64_t count() const { return count_; }
  [[nodiscard]] int64_t begin(int64_t block) const { return std::min(block * tiles_ / count_ * tile_, rows_); }
  [[nodiscard]] int64_t rows(int64_t block) const { return begin(block + 1) - begin(block); }

 private:
  int64_t rows_, tile_, tiles_, count_;
};

/// Shares `blocks` of `tasks` tasks each out to the pool: f(block, first, last), tasks numbered within the block.
/// Divisions are by the block: with several to a task one token in int8 took 3 to 8 % more time (Skylake).
template <typename F>
void for_blocks(ThreadPool& pool, int64_t blocks, int64_t tasks, const F& f) {
  const auto range = [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t block = begin / tasks, before = block * tasks, stop = std::min(end, before + tasks);
      f(block, begin - before, stop - before);
      begin = stop;
    }
  };
  pool.parallel_for(blocks * tasks, 1, std::ref(range));
}

/// Height of tile-inl.h: rows whose sums are held in registers at once: 6 rows by 2 vectors are 12 of 16 registers,
/// enough to hide the latency of a multiply-add on two units.
constexpr int64_t kTileRows = 6;

}  // namespace nxm
