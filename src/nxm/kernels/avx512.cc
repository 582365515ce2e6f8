// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/avx512.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include "nxm/core/huge_pages.h"
#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/stage_avx512.h"
#include "nxm/kernels/tile.h"
#include "nxm/kernels/weights.h"

namespace nxm {
namespace {

using namespace avx512;

/// Bytes of activations that stay in the second-level cache while the groups of panels go by.
constexpr int64_t kBlockBytes = int64_t{512} * 1024;
/// Of x and a group of weights: beyond it some of x would leave the second-level cache while the weights go by, so that
/// some groups take turns over a part of the inputs, whose x stays.
constexpr int64_t kFarBytes = int64_t{768} * 1024;
/// Then: tokens of a block, and inputs of a part.
constexpr int64_t kFarRows = 128, kFarInputs = 768;
/// How a pattern's groups become windows and steps (avx512.h).
struct Cut {
  int64_t window, kept;  ///< inputs of a window, and weights kept of them
  int64_t steps;
};

/// `weights` of a lane: 1, 2 or 4.
Cut cut_of(const Pattern& pattern, int64_t weights) {
  Cut cut{};
  cut.window = kWindowInputs / pattern.of * pattern.of;
  cut.kept = cut.window / pattern.of * pattern.keep;
  cut.steps = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(ceil_div(cut.kept, weights))));
  return cut;
}

/// N:M. For activations of f32, in columns_avx512.cc: kTokenLanes, tokens are in the lanes where they fill enough of
/// them; kMixed, half of them are. For int8: kIn16, without AVX512-VNNI, dense too; kVbmi, by AVX512-VBMI.
enum class Way { kPlain, kTokenLanes, kMixed, kIn16, kVbmi };

/// kMixed: rows in blocks of 128 tokens, one of 64, one of 32 and a shorter one, those that are needed. The shorter one
/// goes by shuffles alone.
struct MixedBlock {
  static constexpr int64_t kMost = 128, kFewest = 32;
  int64_t row, tokens;
  int64_t columns;  ///< tokens that take the lanes: half of them, or none

  static int64_t count(int64_t rows) {
    return rows / kMost + std::popcount(static_cast<uint64_t>(rows % kMost / kFewest)) + (rows % kFewest > 0 ? 1 : 0);
  }
  static MixedBlock at(int64_t rows, int64_t number) {
    MixedBlock block{std::min(number, rows / kMost) * kMost, 0, 0};
    for (number -= block.row / kMost;; --number, block.row += block.tokens) {
      const auto left = static_cast<uint64_t>(rows - block.row);
      block.tokens = left < kFewest ? rows - block.row : std::min(kMost, static_cast<int64_t>(std::bit_floor(left)));
      if (number == 0) break;
    }
    if (block.tokens >= kFewest) block.columns = block.tokens / 2;
    return block;
  }
};

/// Weights of type T meet activations of type X: float, uint16_t (bf16) or int8_t, X the same as T or float.
template <typename T, typename X = T, Way kWay = Way::kPlain>
class Avx512 : public Linear {
 public:
  Avx512(const LinearSource& source, bool sparse)
      : inputs_(source.inputs()), outputs_(source.outputs()), group_(sparse ? kSparseGroup : kDenseGroup) {
    const WeightRows rows(source);
    if (sparse) {
      const Pattern& pattern = source.packed->pattern;
      cut_ = cut_of(pattern, kWeights);
      layout_.paired = pattern.share % 2 == 0;
    } else {
      constexpr int64_t kSteps = 4;  // of which the code may take several at once
      cut_ = {.window = kSteps * kWeights, .kept = kSteps * kWeights, .steps = kSteps};
    }
    layout_.steps = cut_.steps;
    constexpr int64_t kLine = line_windows(kXBytes);
    layout_.windows = ceil_div(inputs_, cut_.window);
    if (sparse) layout_.windows = ceil_div(layout_.windows, kLine) * kLine;
    groups_ = ceil_div(outputs_, group_ * kPanel);
    window_ = !sparse || std::is_same_v<X, float> ? cut_.window : kWindowInputs;
    // Where the last window begins, and what is read from there.
    const int64_t reach = (layout_.windows - 1) * window_ + std::max(kWindowInputs, window_);
    stride_ = apart(ceil_div(std::max(reach, inputs_), kWindowInputs) * kWindowInputs * kXBytes);
    weights_.resize(static_cast<size_t>(groups_ * steps() * group_ * kPanel));
    if (sparse) places_.resize(static_cast<size_t>(groups_ * layout_.windows * place_panels() * kPanel));
    fill(rows, sparse);
    layout_.weights = weights_.data();
    layout_.places = sparse ? places_.data() : nullptr;
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
           ThreadPool& pool) const override {
    if (x.rows == 0) return;
    if constexpr (kWay == Way::kTokenLanes) {
      if (in_columns(x.rows)) return run_columns(x, y, epilogue, reinterpret_cast<float*>(scratch), pool);
    }
    if constexpr (kWay == Way::kMixed) {
      if (is_mixed(x.rows)) return run_mixed(x, y, epilogue, scratch, pool);
    }
    const auto* by = reinterpret_cast<const Quantized*>(scratch);
    const std::byte* from = staged(x, scratch, pool);
    const bool far = layout_.places == nullptr && is_far(std::min(x.rows, kFarRows) * stride_);
    const RowBlocks blocks =
        far ? RowBlocks(x.rows, kTokens, 1, kFarRows) : RowBlocks(x.rows, kTokens, stride_, kBlockBytes);
    const int64_t part = far ? kFarInputs / (4 * kWeights) : layout_.windows;  // windows
    const int64_t together = far ? groups_together(blocks.count(), pool) : 1;
    const int64_t tasks = ceil_div(groups_, together);  // of a block
    for_blocks(pool, blocks.count(), tasks, [&](int64_t block, int64_t first_task, int64_t last_task) {
      // Of earlier parts, where there are several.
      alignas(kVector) int32_t sums[kMostGroups][kFarRows * kDenseGroup * kPanel];
      const int64_t row = blocks.begin(block), tokens = blocks.rows(block);
      const Output out = output(epilogue, y.row(row), std::is_same_v<T, int8_t> ? by + row : nullptr);
      for (int64_t task = first_task; task < last_task; ++task) {
        const int64_t first_group = task * together, last_group = std::min(first_group + together, groups_);
        for (int64_t first = 0; first < layout_.windows; first += part) {
          const int64_t last = std::min(first + part, layout_.windows);
          for (int64_t group = first_group; group < last_group; ++group) {
            multiply({layout_, group, from + row * stride_, stride_, window_ * kXBytes, tokens, blocks.tile(), out,
                      first, last, sums[group - first_group]});
          }
        }
      }
    });
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows, int /*threads*/) const override {
    if (in_columns(rows)) return static_cast<size_t>(columns_blocks(rows) * column_floats(rows)) * sizeof(float);
    const int64_t mixed =
        is_mixed(rows) ? rows / MixedBlock::kFewest * MixedBlock::kFewest / 2 * columns_inputs() * kXBytes : 0;
    return static_cast<size_t>(quantized_bytes<X>(rows) + staged_bytes(rows) + mixed);
  }
  [[nodiscard]] size_t weight_bytes() const override {
    return (weights_.size() + places_.size() + sums_.size() + scales_.size()) * sizeof(uint32_t);
  }

 private:
  static constexpr int64_t kXBytes = sizeof(X);                                 // of an activation as the code takes it
  static constexpr int64_t kWeights = sizeof(uint32_t) / sizeof(T);             // of a lane
  static constexpr int kBits = kWay == Way::kIn16 ? kInt8BitsIn16 : kInt8Bits;  // int8: of an activation

  [[nodiscard]] int64_t steps() const { return layout_.windows * cut_.steps; }
  [[nodiscard]] int64_t place_panels() const { return layout_.paired ? 1 : group_; }
  /// Is x copied into scratch first?
  [[nodiscard]] bool is_staged() const { return !std::is_same_v<X, float> || stride_ != inputs_ * kXBytes; }
  static void multiply(const Task& task) {
    if constexpr (std::is_same_v<T, float>) {
      code()->f32(task);
    } else if constexpr (std::is_same_v<X, float>) {
      code()->wide_bf16(task);
    } else if constexpr (std::is_same_v<T, uint16_t>) {
      code()->bf16(task);
    } else if constexpr (kWay == Way::kIn16) {
      code()->int8_in16(task);
    } else if constexpr (kWay == Way::kVbmi) {
      code()->int8_vbmi(task);
    } else {
      code()->int8(task);
    }
  }
  [[nodiscard]] bool is_far(int64_t x_bytes) const {
    return std::is_same_v<X, float> &&
           x_bytes + steps() * group_ * kPanel * static_cast<int64_t>(sizeof(uint32_t)) > kFarBytes;
  }
  /// Groups that take turns: as many as leave each thread two tasks.
  [[nodiscard]] int64_t groups_together(int64_t blocks, const ThreadPool& pool) const {
    return std::clamp(blocks * groups_ / (int64_t{2} * pool.size()), int64_t{1}, kMostGroups);
  }
  /// A row of windows that are kWindowInputs apart, of one whose windows follow each other.
  void move_apart(std::byte* row) const {
    const auto bytes = static_cast<size_t>(cut_.window * kXBytes);
    for (int64_t i = layout_.windows - 1; i > 0; --i) {
      std::memmove(row + i * window_ * kXBytes, row + i * cut_.window * kXBytes, bytes);
    }
  }
  /// x as the code takes it, in `scratch` if it is not so already.
  const std::byte* staged(MatrixView<const float> x, std::byte* scratch, ThreadPool& pool) const {
    if (!is_staged()) return reinterpret_cast<const std::byte*>(x.row(0));
    auto* by = reinterpret_cast<Quantized*>(scratch);
    std::byte* rows = scratch + quantized_bytes<X>(x.rows);
    const auto stage_rows = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        std::byte* row = rows + r * stride_;
        stage<X>(x.row(r), inputs_, stride_, row, by + r, kBits);
        if (window_ != cut_.window) move_apart(row);
      }
    };
    pool.parallel_for(x.rows, kStageGrain / inputs_ + 1, std::ref(stage_rows));
    return rows;
  }
  [[nodiscard]] Output output(const Epilogue& epilogue, float* y, const Quantized* by = nullptr) const {
    return {.outputs = outputs_,
            .sums = sums_.data(),
            .scales = scales_.data(),
            .by = by,
            .bias = epilogue.bias,
            .gelu = epilogue.gelu,
            .y = y};
  }
  // Pieces of scratch, each filled up to whole vectors.
  [[nodiscard]] int64_t staged_bytes(int64_t rows) const {
    return is_staged() ? ceil_div(rows * stride_, kVector) * kVector : 0;
  }
  // As few blocks as there can be, as equal as they can be.
  [[nodiscard]] bool in_columns(int64_t rows) const {
    if (kWay != Way::kTokenLanes || layout_.places == nullptr || layout_.paired || rows == 0) return false;
    const int64_t width = columns_width(rows);
    return width >= kFewestColumns && 8 * rows >= 7 * columns_blocks(rows) * width;  // else too many lanes are idle
  }
  static int64_t columns_blocks(int64_t rows) { return ceil_div(rows, kMostColumns); }
  static int64_t columns_width(int64_t rows) { return ceil_div(ceil_div(rows, columns_blocks(rows)), kPanel) * kPanel; }
  [[nodiscard]] int64_t columns_inputs() const { return (layout_.windows - 1) * cut_.window + kWindowInputs; }
  [[nodiscard]] int64_t column_floats(int64_t rows) const { return columns_inputs() * columns_width(rows); }

  void run_columns(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, float* scratch,
                   ThreadPool& pool) const {
    const int64_t width = columns_width(x.rows), floats = column_floats(x.rows), blocks = columns_blocks(x.rows);
    const int64_t panels = width / kPanel;  // of tokens, in a block
    const auto stage_panels = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = std::min(i * kPanel, x.rows);
        code()->to_columns(x.row(row), inputs_, std::min(kPanel, x.rows - row), columns_inputs(), width,
                           scratch + i / panels * floats + i % panels * kPanel);
      }
    };
    pool.parallel_for(blocks * panels, kStageGrain / kPanel / inputs_ + 1, std::ref(stage_panels));
    const bool far = is_far(floats * static_cast<int64_t>(sizeof(float)));
    const int64_t together = far ? groups_together(blocks, pool) : 1;
    const int64_t tasks = ceil_div(groups_, together);  // of a block
    for_blocks(pool, blocks, tasks, [&](int64_t block, int64_t first, int64_t last) {
      const int64_t row = block * width, tokens = std::min(width, x.rows - row);
      const Output out = output(epilogue, y.row(row));
      const auto products = std::is_same_v<T, float> ? code()->f32_columns : code()->wide_bf16_columns;
      for (int64_t group = first * together; first < last; ++first, group += together) {
        const int64_t groups = std::min(together, groups_ - group);
        products({layout_, group, groups, cut_.window, scratch + block * floats, width, tokens, out});
      }
    });
  }

  [[nodiscard]] bool is_mixed(int64_t rows) const {
    return kWay == Way::kMixed && layout_.places != nullptr && !layout_.paired && layout_.steps >= 4 &&
           rows >= MixedBlock::kFewest;
  }

  void run_mixed(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
                 ThreadPool& pool) const {
    const std::byte* from = staged(x, scratch, pool);
    auto* transposed = reinterpret_cast<float*>(scratch + staged_bytes(x.rows));
    const int64_t blocks = MixedBlock::count(x.rows), inputs = columns_inputs();
    const auto columns_of = [&](const MixedBlock& block) { return transposed + block.row / 2 * inputs; };
    constexpr int64_t kPanels = MixedBlock::kMost / 2 / kPanel;  // of a block that take the lanes, at most
    const auto stage_panels = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const MixedBlock block = MixedBlock::at(x.rows, i / kPanels);
        const int64_t token = i % kPanels * kPanel;
        if (token >= block.columns) continue;
        const float* first = x.row(block.row + block.tokens - block.columns + token);
        code()->to_columns(first, inputs_, kPanel, inputs, block.columns, columns_of(block) + token);
      }
    };
    pool.parallel_for(blocks * kPanels, kStageGrain / kPanel / inputs_ + 1, std::ref(stage_panels));
    for_blocks(pool, blocks, groups_, [&](int64_t b, int64_t first, int64_t last) {
      const MixedBlock block = MixedBlock::at(x.rows, b);
      const std::byte* rows = from + block.row * stride_;
      const Output out = output(epilogue, y.row(block.row));
      const int64_t tile = RowBlocks(block.tokens, kTokens, stride_, kBlockBytes).tile();
      for (int64_t group = first; group < last; ++group) {
        if (block.columns > 0) {
          code()->f32_mixed({layout_, group, window_, rows, stride_, columns_of(block), block.tokens, out});
        } else {
          multiply({layout_, group, rows, stride_, window_ * kXBytes, block.tokens, tile, out});
        }
      }
    });
  }

  /// Where the k-th stored weight of a row goes, seen from its panel and lane.
  struct Slot {
    int64_t weight;       // in T
    int64_t word, first;  // of its window's places, and the column that place 0 is
    unsigned shift;
  };
  [[nodiscard]] std::vector<Slot> slots(int64_t stored) const {
    std::vector<Slot> slots;
    for (int64_t k = 0; k < stored; ++k) {
      const int64_t window = k / cut_.kept;
      const int64_t step = k % cut_.kept / kWeights;  // of the window
      const int64_t i = k % cut_.kept % kWeights;
      slots.push_back({(window * cut_.steps + step) * group_ * kPanel * kWeights + i, window * place_panels() * kPanel,
                       window * cut_.window, static_cast<unsigned>(32 / kWeights * i + 4 * step)});
    }
    return slots;
  }

  void fill(const WeightRows& rows, bool sparse) {
    if constexpr (std::is_same_v<T, int8_t>) {
      sums_.resize(static_cast<size_t>(groups_ * group_ * kPanel));
      scales_.resize(sums_.size());
    }
    const std::vector<Slot> slot = slots(sparse ? rows.kept() : inputs_);
    StoredRow<T> row(rows);
    for (int64_t o = 0; o < outputs_; ++o) {
      row.read(rows, o);
      if constexpr (std::is_same_v<T, int8_t>) {
        scales_[static_cast<size_t>(o)] = row.scale;
        sums_[static_cast<size_t>(o)] = std::accumulate(row.values.begin(), row.values.end(), 0);
      }
      const int64_t group = o / (group_ * kPanel);
      const int64_t panel = layout_.paired ? o % 2 : o / kPanel % group_;
      const int64_t lane = layout_.paired ? o / 2 % kPanel : o % kPanel;
      T* weights = reinterpret_cast<T*>(weights_.data() + (group * steps() * group_ + panel) * kPanel + lane);
      for (size_t k = 0; k < row.values.size(); ++k) weights[slot[sparse ? k : row.columns[k]].weight] = row.values[k];
      if (!sparse || panel >= place_panels()) continue;
      uint32_t* places = places_.data() + (group * layout_.windows * place_panels() + panel) * kPanel + lane;
      for (size_t k = 0; k < row.columns.size(); ++k) {
        places[slot[k].word] |= static_cast<uint32_t>(row.columns[k] - slot[k].first) << slot[k].shift;
      }
    }
  }

  int64_t inputs_, outputs_, group_, groups_;
  Cut cut_{};
  int64_t window_;  // inputs from one window of x to the next, as the code takes it
  int64_t stride_;  // bytes from one row of x to the next, as the code takes it
  Layout layout_{};
  LastingVector<uint32_t> weights_, places_;
  std::vector<int32_t> sums_;
  std::vector<float> scales_;
};

template <typename T, bool kSparse, typename X = T, Way kWay = Way::kPlain>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<Avx512<T, X, kWay>>(source, kSparse);
}

/// A window that keeps more than kMostKept would be slower than dense.
bool fits(const LinearSource& source) {
  return source.packed && source.packed->pattern.of <= kWindowInputs &&
         cut_of(source.packed->pattern, 1).kept <= kMostKept;
}

/// A step of N:M needs a shuffle beside the product, which share three ports for four halves: 4/3 of a dense step; a
/// pair of outputs shares the shuffle, which is then free.
template <typename T>
double cost(const Pattern& pattern) {
  constexpr int64_t kWeights = sizeof(uint32_t) / sizeof(T);
  const Cut cut = cut_of(pattern, kWeights);
  const double step = pattern.share % 2 == 0 ? 1.0 : 4.0 / 3;
  return step * static_cast<double>(cut.steps * kWeights) / static_cast<double>(cut.window);
}

}  // namespace

void add_avx512_kernels(std::vector<LinearKernel>& table) {
  if (code() == nullptr) return;
  const auto f32 = Precision::kF32, bf16 = Precision::kBf16, i8 = Precision::kInt8;
  const auto base = Target::kAvx512, vnni = Target::kAvx512Vnni, with_bf16 = Target::kAvx512Bf16;
  table.push_back({"dense_f32_avx512", f32, base, false, 32, takes_any, make<float, false>});
  // The last is chosen: loads are what Intel has to spare, and AMD (Zen 4) both (bench/notes/kernels.md).
  table.push_back({"nm_f32_avx512", f32, base, true, 32, fits, make<float, true>, cost<float>});
  table.push_back(
      {"nm_f32_avx512_mixed", f32, base, true, 32, fits, make<float, true, float, Way::kMixed>, cost<float>});
  table.push_back(
      {"nm_f32_avx512_lanes", f32, base, true, 32, fits, make<float, true, float, Way::kTokenLanes>, cost<float>});
  if (!is_intel()) std::swap(table.back(), table.end()[-2]);
  table.push_back({"dense_bf16_avx512f", bf16, base, false, 32, takes_any, make<uint16_t, false, float>});
  table.push_back(
      {"nm_bf16_avx512f", bf16, base, true, 32, fits, make<uint16_t, true, float, Way::kTokenLanes>, cost<uint16_t>});
  table.push_back({"dense_bf16_avx512", bf16, with_bf16, false, 16, takes_any, make<uint16_t, false>});
  table.push_back({"nm_bf16_avx512", bf16, with_bf16, true, 16, fits, make<uint16_t, true>, cost<uint16_t>});
  const auto dense_in16 = make<int8_t, false, int8_t, Way::kIn16>, in16 = make<int8_t, true, int8_t, Way::kIn16>;
  table.push_back({"dense_int8_avx512bw", i8, base, false, kInt8BitsIn16, takes_any, dense_in16});
  table.push_back({"nm_int8_avx512bw", i8, base, true, kInt8BitsIn16, fits, in16, cost<int8_t>});
  table.push_back({"dense_int8_avx512", i8, vnni, false, kInt8Bits, takes_any, make<int8_t, false>});
  table.push_back({"nm_int8_avx512", i8, vnni, true, kInt8Bits, fits, make<int8_t, true>, cost<int8_t>});
  if (has_vbmi()) {
    const auto by_vbmi = make<int8_t, true, int8_t, Way::kVbmi>;
    table.push_back({"nm_int8_avx512_vbmi", i8, vnni, true, kInt8Bits, fits, by_vbmi, cost<int8_t>});
  }
}

}  // namespace nxm
