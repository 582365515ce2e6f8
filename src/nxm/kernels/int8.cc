// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/int8.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "nxm/core/huge_pages.h"
#include "nxm/kernels/code.h"
#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/tile.h"
#include "nxm/kernels/weights.h"

namespace nxm {
namespace {

/// Bytes of activations that stay in the second-level cache while the panels go by.
constexpr int64_t kBlockBytes = int64_t{256} * 1024;
/// Activations that are worth waking a thread to quantise.
constexpr int64_t kQuantizeGrain = 16384;
/// Of an activation. (Arm's dot product takes signed bytes.)
constexpr int x_bits(Target target) { return target == Target::kAvxVnni ? kInt8Bits : kInt8BitsIn16; }

class Int8 : public Linear {
 public:
  Int8(const LinearSource& source, bool sparse, const Int8Code& code, int levels)
      : code_(code), levels_(levels), inputs_(source.inputs()) {
    const WeightRows rows(source);
    const int64_t panels = ceil_div(rows.outputs(), kInt8Panel);
    sparse ? lay_out_steps(source.packed->pattern) : lay_out_steps();
    layout_.outputs = rows.outputs();
    layout_.steps = static_cast<int64_t>(offsets_.size());
    weights_.resize(static_cast<size_t>(panels * layout_.steps * kStepBytes));
    places_.resize(sparse ? weights_.size() / 2 : 0);
    sums_.resize(static_cast<size_t>(panels * kInt8Panel));
    scales_.resize(sums_.size());
    StoredRow<int8_t> row(rows);
    for (int64_t o = 0; o < rows.outputs(); ++o) {
      row.read(rows, o);
      const auto output = static_cast<size_t>(o);
      scales_[output] = row.scale;
      for (size_t k = 0; k < row.values.size(); ++k) {
        sums_[output] += row.values[k];
        sparse ? place_sparse(o, static_cast<int64_t>(k), row.columns[k], row.values[k])
               : place_dense(o, row.columns[k], row.values[k]);
      }
    }
    layout_.offsets = offsets_.data();
    layout_.weights = weights_.data();
    layout_.places = sparse ? places_.data() : nullptr;
    layout_.sums = sums_.data();
    layout_.scales = scales_.data();
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
           ThreadPool& pool) const override {
    if (x.rows == 0) return;
    auto* q = reinterpret_cast<uint8_t*>(scratch);
    auto* by = reinterpret_cast<Quantized*>(scratch + x.rows * stride());
    const auto quantize = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        uint8_t* row = q + r * stride();
        code_.quantize(x.row(r), inputs_, levels_, row, by + r);
        std::fill(row + inputs_, row + stride(), uint8_t{0});
      }
    };
    pool.parallel_for(x.rows, kQuantizeGrain / stride() + 1, std::ref(quantize));

    const RowBlocks blocks(x.rows, kInt8Tokens, stride(), kBlockBytes);
    const int64_t panels = ceil_div(layout_.outputs, kInt8Panel);
    for_blocks(pool, blocks.count(), panels, [&](int64_t block, int64_t first, int64_t last) {
      const int64_t row = blocks.begin(block);
      const Int8Rows rows = {q + row * stride(), stride(), by + row, blocks.rows(block)};
      for (int64_t panel = first; panel < last; ++panel) {
        code_.panel(layout_, rows, panel, blocks.tile(), epilogue.bias, epilogue.gelu, y.row(row));
      }
    });
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows, int /*threads*/) const override {
    return static_cast<size_t>(rows) * (static_cast<size_t>(stride()) + sizeof(Quantized));
  }
  [[nodiscard]] size_t weight_bytes() const override {
    return weights_.size() + places_.size() + (offsets_.size() + sums_.size() + scales_.size()) * sizeof(float);
  }

 private:
  /// Bytes from one quantised row to the next: a window may begin at the last input, and rows are vectors apart.
  [[nodiscard]] int64_t stride() const { return (inputs_ + 2 * kWindow - 1) / kWindow * kWindow; }

  /// Dense: four inputs a step.
  void lay_out_steps() {
    for (int64_t i = 0; i < inputs_; i += kStepWeights) offsets_.push_back(static_cast<int32_t>(i));
  }
  /// N:M: as many whole groups as fit 16 inputs are a window, whose kept weights take steps of four.
  void lay_out_steps(const Pattern& pattern) {
    window_ = kWindow / pattern.of * pattern.of;
    window_kept_ = window_ / pattern.of * pattern.keep;
    for (int64_t i = 0; i < inputs_; i += window_) {
      for (int64_t k = 0; k < window_kept_; k += kStepWeights) offsets_.push_back(static_cast<int32_t>(i));
    }
    if (offsets_.size() % 2 != 0) offsets_.push_back(0);  // places come in pairs of steps
  }

  [[nodiscard]] size_t index(int64_t o, int64_t step, int64_t i) const {
    return static_cast<size_t>(((o / kInt8Panel) * layout_.steps + step) * kStepBytes + o % kInt8Panel * kStepWeights +
                               i);
  }
  void place_dense(int64_t o, int32_t column, int8_t w) {
    weights_[index(o, column / kStepWeights, column % kStepWeights)] = w;
  }
  /// The k-th kept weight of output o.
  void place_sparse(int64_t o, int64_t k, int32_t column, int8_t w) {
    const int64_t within = k % window_kept_;
    const int64_t step = k / window_kept_ * ceil_div(window_kept_, kStepWeights) + within / kStepWeights;
    const size_t at = index(o, step, within % kStepWeights);
    weights_[at] = w;
    const auto place = static_cast<uint8_t>(column % window_ << (step % 2 * 4));
    const size_t byte = at % kStepBytes + (at / kStepBytes - static_cast<size_t>(step % 2)) / 2 * kStepBytes;
    places_[byte] = static_cast<uint8_t>(places_[byte] | place);
  }

  const Int8Code& code_;
  int levels_;
  int64_t inputs_;
  int64_t window_ = 0, window_kept_ = 0;  // N:M: inputs and kept weights of a window
  Int8Layout layout_{};
  std::vector<int32_t> offsets_;
  LastingVector<int8_t> weights_;
  LastingVector<uint8_t> places_;
  std::vector<int32_t> sums_;
  std::vector<float> scales_;
};

template <Target kTarget, bool kSparse>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<Int8>(source, kSparse, *int8_code(kTarget), levels_of(x_bits(kTarget)));
}

bool fits(const LinearSource& source) { return source.packed && source.packed->pattern.of <= kWindow; }

/// A step takes four kept weights of a window of up to 16 inputs, dense four inputs; its shuffle and its places make it
/// 7/4 of a dense one.
double cost(const Pattern& pattern) {
  const int64_t groups = kWindow / pattern.of;
  return 7.0 / 4 * static_cast<double>(ceil_div(groups * pattern.keep, kStepWeights) * kStepWeights) /
         static_cast<double>(groups * pattern.of);
}

template <Target kTarget>
void add(std::vector<LinearKernel>& table, std::string_view dense, std::string_view sparse) {
  if (int8_code(kTarget) == nullptr) return;
  const auto i8 = Precision::kInt8;
  table.push_back({dense, i8, kTarget, false, x_bits(kTarget), takes_any, make<kTarget, false>});
  table.push_back({sparse, i8, kTarget, true, x_bits(kTarget), fits, make<kTarget, true>, cost});
}

}  // namespace

void add_int8_kernels(std::vector<LinearKernel>& table) {
  add<Target::kNeon>(table, "dense_int8_neon", "nm_int8_neon");
  add<Target::kNeonDotprod>(table, "dense_int8_neon_dotprod", "nm_int8_neon_dotprod");
  add<Target::kAvx2>(table, "dense_int8_avx2", "nm_int8_avx2");
  add<Target::kAvxVnni>(table, "dense_int8_avx_vnni", "nm_int8_avx_vnni");
}

}  // namespace nxm
