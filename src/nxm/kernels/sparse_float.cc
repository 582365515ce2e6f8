// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/sparse_float.h"

#include <algorithm>
#include <functional>
#include <type_traits>
#include <vector>

#include "nxm/kernels/aligned.h"
#include "nxm/kernels/code.h"
#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/weights.h"

namespace nxm {
namespace {

/// Bytes of activations that stay in the second-level cache while the panels go by.
constexpr int64_t kBlockBytes = 256 * 1024;
/// Activations that are worth waking a thread to rearrange.
constexpr int64_t kArrangeGrain = 65536;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Inputs of a window: a group, or two groups of 1:2, as selections are made from four.
int64_t window_of(const Pattern& pattern) { return pattern.of == 2 ? 4 : pattern.of; }

template <typename T>
class SparseFloat : public Linear {
 public:
  SparseFloat(const LinearSource& source, const SparseFloatCode& code) : code_(code), inputs_(source.inputs()) {
    const WeightRows rows(source);
    const Pattern& pattern = source.packed->pattern;
    layout_.outputs = rows.outputs();
    layout_.window = window_of(pattern);
    layout_.keep = layout_.window / pattern.of * pattern.keep;
    layout_.windows = inputs_ / layout_.window;
    const auto kept = static_cast<size_t>(rows.kept());
    panels_ = ceil_div(layout_.outputs, kSparsePanel);
    values_.resize(static_cast<size_t>(panels_) * kept * kSparsePanel);
    places_.resize(static_cast<size_t>(panels_) * kept);
    std::vector<int32_t> columns(kept);
    std::vector<T> values(kept);
    for (int64_t o = 0; o < layout_.outputs; ++o) {
      rows.columns(o, columns);
      rows.values(o, std::span<T>(values));
      const size_t panel = static_cast<size_t>(o / kSparsePanel) * kept;
      const auto lane = static_cast<size_t>(o % kSparsePanel);
      for (size_t k = 0; k < kept; ++k) {
        const auto place = static_cast<uint32_t>(columns[k] % layout_.window);
        values_[(panel + k) * kSparsePanel + lane] = values[k];
        places_[panel + k] |= place << (lane * kPlaceBits);
      }
    }
    layout_.values = values_.data();
    layout_.places = places_.data();
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
           ThreadPool& pool) const override {
    if (x.rows == 0) return;
    auto* arranged = reinterpret_cast<float*>(scratch);
    const int64_t tile = ceil_div(x.rows, ceil_div(x.rows, kSparseTokens));  // as equal as they can be
    const auto arrange = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin * tile; r < std::min(end * tile, x.rows); r += tile) {
        arrange_tile(x.row(r), std::min(tile, x.rows - r), arranged + r * inputs_);
      }
    };
    pool.parallel_for(ceil_div(x.rows, tile), kArrangeGrain / (tile * inputs_) + 1, std::ref(arrange));

    const int64_t row_bytes = inputs_ * static_cast<int64_t>(sizeof(float));
    const int64_t block = std::max<int64_t>(1, kBlockBytes / row_bytes / tile) * tile;
    const auto work = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / panels_ * block;
        const SparseTask<T> task = {
            layout_,    i % panels_,   tile,         arranged + row * inputs_, std::min(block, x.rows - row),
            y.row(row), epilogue.bias, epilogue.gelu};
        if constexpr (std::is_same_v<T, float>) {
          code_.f32(task);
        } else {
          code_.bf16(task);
        }
      }
    };
    pool.parallel_for(ceil_div(x.rows, block) * panels_, 1, std::ref(work));
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows) const override {
    return static_cast<size_t>(rows * inputs_) * sizeof(float);
  }
  [[nodiscard]] size_t weight_bytes() const override {
    return values_.size() * sizeof(T) + places_.size() * sizeof(uint32_t);
  }

 private:
  /// (tokens, inputs) -> (windows, tokens, window), which the kernel reads in one go.
  void arrange_tile(const float* x, int64_t tokens, float* out) const {
    for (int64_t i = 0; i < inputs_; i += layout_.window) {
      for (int64_t t = 0; t < tokens; ++t, out += layout_.window) std::copy_n(x + t * inputs_ + i, layout_.window, out);
    }
  }

  const SparseFloatCode& code_;
  int64_t inputs_, panels_;
  SparseLayout<T> layout_{};
  AlignedVector<T> values_;
  AlignedVector<uint32_t> places_;
};

template <Target kTarget, typename T>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<SparseFloat<T>>(source, *sparse_float_code(kTarget));
}

template <Target kTarget>
bool fits(const LinearSource& source) {
  if (!source.packed) return false;
  const int64_t window = window_of(source.packed->pattern);
  return (window == 4 || window == sparse_float_code(kTarget)->max_window) && source.inputs() % window == 0;
}

template <Target kTarget>
void add(std::vector<LinearKernel>& table, std::string_view f32, std::string_view bf16) {
  if (sparse_float_code(kTarget) == nullptr) return;
  table.push_back({f32, Precision::kF32, kTarget, true, 0, fits<kTarget>, make<kTarget, float>});
  table.push_back({bf16, Precision::kBf16, kTarget, true, 0, fits<kTarget>, make<kTarget, uint16_t>});
}

}  // namespace

void add_sparse_float_kernels(std::vector<LinearKernel>& table) {
  add<Target::kNeon>(table, "nm_f32_neon", "nm_bf16_neon");
  add<Target::kAvx2>(table, "nm_f32_avx2", "nm_bf16_avx2");
  add<Target::kAvx512>(table, "nm_f32_avx512", "nm_bf16_avx512");
}

}  // namespace nxm
