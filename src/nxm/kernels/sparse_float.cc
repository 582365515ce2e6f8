// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/sparse_float.h"

#include <algorithm>
#include <functional>
#include <type_traits>
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
/// Activations that are worth waking a thread to rearrange.
constexpr int64_t kArrangeGrain = 65536;

/// Kept weights of a window of four inputs: a group of 1:4 or 2:4, or two groups of 1:2. 0 for other patterns.
int64_t kept_of_window(const Pattern& pattern) {
  if (pattern.of == 2) return 2;
  return pattern.of == kSparseWindow && pattern.keep <= 2 ? pattern.keep : 0;
}

template <typename T>
class SparseFloat : public Linear {
 public:
  SparseFloat(const LinearSource& source, const SparseFloatCode& code) : code_(code), inputs_(source.inputs()) {
    const WeightRows rows(source);
    layout_.outputs = rows.outputs();
    layout_.keep = kept_of_window(source.packed->pattern);
    layout_.steps = ceil_div(rows.kept(), 2);
    panels_ = ceil_div(layout_.outputs, kSparsePanel);
    places_.resize(static_cast<size_t>(panels_ * layout_.steps * kSparsePanel));
    values_.resize(2 * places_.size());
    StoredRow<T> row(rows);
    for (int64_t o = 0; o < layout_.outputs; ++o) {
      row.read(rows, o);
      const auto panel = static_cast<size_t>(o / kSparsePanel * layout_.steps);
      const auto lane = static_cast<size_t>(o % kSparsePanel);
      for (size_t k = 0; k < row.values.size(); ++k) {
        values_[(2 * panel + k) * kSparsePanel + lane] = row.values[k];
        uint8_t& places = places_[(panel + k / 2) * kSparsePanel + lane];
        places = static_cast<uint8_t>(places | (row.columns[k] % kSparseWindow * 4) << (k % 2 * 4));
      }
    }
    layout_.values = values_.data();
    layout_.places = places_.data();
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
           ThreadPool& pool) const override {
    if (x.rows == 0) return;
    auto* arranged = reinterpret_cast<float*>(scratch);
    const int64_t padded = layout_.inputs();
    const RowBlocks blocks(x.rows, kSparseTokens, padded * static_cast<int64_t>(sizeof(float)), kBlockBytes);
    const int64_t tile = blocks.tile();
    const auto arrange = [&](int64_t begin, int64_t end) {
      for (int64_t r = begin * tile; r < std::min(end * tile, x.rows); r += tile) {
        arrange_tile(x.row(r), std::min(tile, x.rows - r), arranged + r * padded);
      }
    };
    pool.parallel_for(ceil_div(x.rows, tile), kArrangeGrain / (tile * padded) + 1, std::ref(arrange));

    for_blocks(pool, blocks.count(), panels_, [&](int64_t block, int64_t first, int64_t last) {
      const int64_t row = blocks.begin(block), tokens = blocks.rows(block);
      for (int64_t panel = first; panel < last; ++panel) {
        const SparseTask<T> task = {layout_, panel,      tile,          arranged + row * padded,
                                    tokens,  y.row(row), epilogue.bias, epilogue.gelu};
        if constexpr (std::is_same_v<T, float>) {
          code_.f32(task);
        } else {
          code_.bf16(task);
        }
      }
    });
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows, int /*threads*/) const override {
    return static_cast<size_t>(rows * layout_.inputs()) * sizeof(float);
  }
  [[nodiscard]] size_t weight_bytes() const override { return values_.size() * sizeof(T) + places_.size(); }

 private:
  /// (tokens, inputs) -> (windows, tokens, window), which the kernel reads in one go; filled up with zeros.
  void arrange_tile(const float* x, int64_t tokens, float* out) const {
    int64_t i = 0;
    for (; i < inputs_; i += kSparseWindow) {
      for (int64_t t = 0; t < tokens; ++t, out += kSparseWindow) std::copy_n(x + t * inputs_ + i, kSparseWindow, out);
    }
    std::fill_n(out, (layout_.inputs() - i) * tokens, 0.0F);
  }

  const SparseFloatCode& code_;
  int64_t inputs_, panels_;
  SparseLayout<T> layout_{};
  LastingVector<T> values_;
  LastingVector<uint8_t> places_;
};

template <Target kTarget, typename T>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<SparseFloat<T>>(source, *sparse_float_code(kTarget));
}

bool fits(const LinearSource& source) {
  return source.packed && kept_of_window(source.packed->pattern) != 0 && source.inputs() % kSparseWindow == 0;
}

template <Target kTarget>
void add(std::vector<LinearKernel>& table, std::string_view f32, std::string_view bf16) {
  if (sparse_float_code(kTarget) == nullptr) return;
  table.push_back({f32, Precision::kF32, kTarget, true, 32, fits, make<kTarget, float>});
  table.push_back({bf16, Precision::kBf16, kTarget, true, 32, fits, make<kTarget, uint16_t>});
}

}  // namespace

void add_sparse_float_kernels(std::vector<LinearKernel>& table) {
  add<Target::kNeon>(table, "nm_f32_neon", "nm_bf16_neon");
  add<Target::kAvx2>(table, "nm_f32_avx2", "nm_bf16_avx2");
}

}  // namespace nxm
