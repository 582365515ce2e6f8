// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/amx.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <type_traits>
#include <vector>

#include "nxm/core/huge_pages.h"
#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/stage_avx512.h"
#include "nxm/kernels/tile.h"
#include "nxm/kernels/weights.h"

namespace nxm {
namespace {

using namespace amx;

/// T: uint16_t (bf16) or int8_t.
template <typename T>
class Amx : public Linear {
 public:
  Amx(const LinearSource& source, bool sparse)
      : inputs_(source.inputs()),
        outputs_(source.outputs()),
        groups_(ceil_div(outputs_, kGroup * avx512::kPanel)),
        sparse_(sparse) {
    const WeightRows rows(source);
    layout_.steps = ceil_div(inputs_, kStepInputs);
    stride_ = avx512::apart(layout_.steps * kRowBytes);
    if constexpr (std::is_same_v<T, int8_t>) {
      sums_.resize(static_cast<size_t>(groups_ * kGroup * avx512::kPanel));
      scales_.resize(sums_.size());
    }
    const int64_t tiles = groups_ * layout_.steps * kGroup;
    if (sparse) {
      kept_.reserve(static_cast<size_t>(outputs_ * rows.kept()) * sizeof(T) + kRowBytes);
      masks_.resize(static_cast<size_t>(tiles * kMaskBytes));
      counts_.resize(static_cast<size_t>(tiles * kRows));
    } else {
      tiles_.resize(static_cast<size_t>(tiles * kTileBytes));
    }
    fill(rows);
    layout_.tiles = sparse ? nullptr : tiles_.data();
    layout_.kept = kept_.data();
    layout_.starts = starts_.data();
    layout_.masks = masks_.data();
    layout_.counts = counts_.data();
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
           ThreadPool& pool) const override {
    if (x.rows == 0) return;
    auto* by = reinterpret_cast<Quantized*>(scratch);
    std::byte* staged = scratch + avx512::quantized_bytes<T>(x.rows);
    std::byte* strips = staged + x.rows * stride_;
    const auto stage_rows = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        avx512::stage<T>(x.row(r), inputs_, stride_, staged + r * stride_, by + r);
      }
    };
    pool.parallel_for(x.rows, avx512::kStageGrain / inputs_ + 1, std::ref(stage_rows));
    const avx512::Output out = {.outputs = outputs_,
                                .sums = sums_.data(),
                                .scales = scales_.data(),
                                .by = std::is_same_v<T, int8_t> ? by : nullptr,
                                .bias = epilogue.bias,
                                .gelu = epilogue.gelu,
                                .y = y.row(0)};
    std::atomic<int64_t> threads = 0;
    const auto work = [&](int64_t begin, int64_t end) {
      std::byte* strip = sparse_ ? strips + threads.fetch_add(1) * strip_bytes() : nullptr;
      const Task task = {layout_, begin, end, staged, stride_, x.rows, strip, out};
      if constexpr (std::is_same_v<T, uint16_t>) {
        code()->bf16(task);
      } else {
        code()->int8(task);
      }
    };
    pool.parallel_for(groups_, 1, std::ref(work));
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows, int threads) const override {
    const int64_t strips = sparse_ ? std::min<int64_t>(threads, groups_) * strip_bytes() : 0;
    return static_cast<size_t>(avx512::quantized_bytes<T>(rows) + rows * stride_ + strips);
  }
  [[nodiscard]] size_t weight_bytes() const override {
    return tiles_.size() + kept_.size() + masks_.size() + counts_.size() + starts_.size() * sizeof(int64_t) +
           (sums_.size() + scales_.size()) * sizeof(float);
  }

 private:
  static constexpr int64_t kBytes = sizeof(T);
  static constexpr int64_t kStepInputs = kRowBytes / kBytes;
  static constexpr int64_t kLaneInputs = static_cast<int64_t>(sizeof(uint32_t)) / kBytes;
  static constexpr int64_t kMaskBytes = mask_bytes(sizeof(T));

  [[nodiscard]] int64_t strip_bytes() const { return layout_.steps * kGroup * kTileBytes; }
  /// A group's tiles at a time, dense; then, if N:M, what is kept of them.
  void fill(const WeightRows& rows) {
    StoredRow<T> row(rows);
    const auto size = static_cast<size_t>(strip_bytes() / kBytes);
    std::vector<T> tiles(size);
    std::vector<bool> mask(size);
    for (int64_t g = 0; g < groups_; ++g) {
      std::fill(tiles.begin(), tiles.end(), T{0});
      mask.assign(size, false);
      for (int64_t lane = 0; lane < kGroup * avx512::kPanel; ++lane) {
        const int64_t o = g * kGroup * avx512::kPanel + lane;
        if (o >= outputs_) break;
        row.read(rows, o);
        if constexpr (std::is_same_v<T, int8_t>) {
          scales_[static_cast<size_t>(o)] = row.scale;
          sums_[static_cast<size_t>(o)] = std::accumulate(row.values.begin(), row.values.end(), 0);
        }
        for (size_t k = 0; k < row.values.size(); ++k) {
          const int64_t column = row.columns[k];
          const int64_t tile = column / kStepInputs * kGroup + lane / avx512::kPanel;
          const int64_t in_step = column % kStepInputs;
          const int64_t at = tile * (kTileBytes / kBytes) + in_step / kLaneInputs * kStepInputs +
                             lane % avx512::kPanel * kLaneInputs + in_step % kLaneInputs;
          tiles[static_cast<size_t>(at)] = row.values[k];
          mask[static_cast<size_t>(at)] = true;
        }
      }
      if (sparse_) {
        compress(g, tiles, mask);
      } else {
        std::copy_n(reinterpret_cast<const std::byte*>(tiles.data()), strip_bytes(), tiles_.data() + g * strip_bytes());
      }
    }
    if (sparse_) kept_.resize(kept_.size() + kRowBytes);
  }

  void compress(int64_t group, const std::vector<T>& tiles, const std::vector<bool>& mask) {
    starts_.push_back(static_cast<int64_t>(kept_.size()));
    constexpr int64_t kBits = 8 * kBytes;  // rows whose mask shares a word of T's width
    std::byte* masks = masks_.data() + group * layout_.steps * kGroup * kMaskBytes;
    uint8_t* counts = counts_.data() + group * layout_.steps * kGroup * kRows;
    for (size_t at = 0; at < tiles.size(); ++at) {
      if (!mask[at]) continue;
      const int64_t row = static_cast<int64_t>(at) / kStepInputs;  // of all tiles' rows
      const auto* bytes = reinterpret_cast<const std::byte*>(&tiles[at]);
      kept_.insert(kept_.end(), bytes, bytes + kBytes);
      counts[row] += static_cast<uint8_t>(kBytes);
      const int64_t bit = row % kBits;
      std::byte* word = masks + row / kBits * kRowBytes + static_cast<int64_t>(at) % kStepInputs * kBytes;
      word[bit / 8] |= std::byte{1} << (bit % 8);
    }
  }

  int64_t inputs_, outputs_, groups_;
  bool sparse_;
  int64_t stride_ = 0;  // bytes from one row of x to the next, as the code takes it
  Layout layout_{};
  LastingVector<std::byte> tiles_, kept_, masks_;
  std::vector<int64_t> starts_;
  std::vector<uint8_t> counts_;
  std::vector<int32_t> sums_;
  std::vector<float> scales_;
};

template <typename T, bool kSparse>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<Amx<T>>(source, kSparse);
}

bool packed(const LinearSource& source) { return source.packed.has_value(); }

/// What is read of the weights, for that is the time with few tokens; with many it is that of a dense layer.
template <typename T>
double cost(const Pattern& pattern) {
  constexpr double kMask = 1.0 / (8 * sizeof(T)), kCount = 1.0 / kRowBytes;
  return static_cast<double>(pattern.keep) / pattern.of + kMask + kCount;
}

}  // namespace

void add_amx_kernels(std::vector<LinearKernel>& table) {
  if (code() == nullptr) return;
  const auto bf16 = Precision::kBf16, i8 = Precision::kInt8;
  const auto amx = Target::kAmx;
  table.push_back({"dense_bf16_amx", bf16, amx, false, 16, takes_any, make<uint16_t, false>});
  table.push_back({"nm_bf16_amx", bf16, amx, true, 16, packed, make<uint16_t, true>, cost<uint16_t>});
  table.push_back({"dense_int8_amx", i8, amx, false, kInt8Bits, takes_any, make<int8_t, false>});
  table.push_back({"nm_int8_amx", i8, amx, true, kInt8Bits, packed, make<int8_t, true>, cost<int8_t>});
}

}  // namespace nxm
