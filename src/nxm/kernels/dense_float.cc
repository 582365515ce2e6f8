// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/dense_float.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "nxm/core/huge_pages.h"
#include "nxm/kernels/code.h"
#include "nxm/kernels/kernel_lists.h"
#include "nxm/kernels/tile.h"
#include "nxm/kernels/weights.h"

namespace nxm {
namespace {

/// Rows for which a panel of weights stays in the cache, at most.
constexpr int64_t kBlockRows = 192;

template <typename T>
class DenseFloat : public Linear {
 public:
  DenseFloat(const LinearSource& source, const DenseFloatCode& code)
      : code_(code), outputs_(source.outputs()), inputs_(source.inputs()) {
    const WeightRows rows(source);
    weights_.resize(static_cast<size_t>(ceil_div(outputs_, code.panel) * code.panel * inputs_));
    StoredRow<T> row(rows);
    for (int64_t o = 0; o < outputs_; ++o) {
      row.read(rows, o);
      T* panel = weights_.data() + o / code.panel * code.panel * inputs_ + o % code.panel;
      for (size_t k = 0; k < row.values.size(); ++k) panel[row.columns[k] * code.panel] = row.values[k];
    }
  }

  void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* /*scratch*/,
           ThreadPool& pool) const override {
    if (x.rows == 0) return;
    const RowBlocks blocks(x.rows, kTileRows, 1, kBlockRows);
    const int64_t panels = ceil_div(outputs_, code_.panel);
    for_blocks(pool, blocks.count(), panels, [&](int64_t block, int64_t first, int64_t last) {
      const int64_t row = blocks.begin(block), rows = blocks.rows(block);
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t column = panel * code_.panel;
        const DenseBlock<T> job = {x.row(row),
                                   rows,
                                   inputs_,
                                   blocks.tile(),
                                   weights_.data() + column * inputs_,
                                   y.row(row) + column,
                                   outputs_,
                                   std::min(code_.panel, outputs_ - column),
                                   epilogue.bias == nullptr ? nullptr : epilogue.bias + column,
                                   epilogue.gelu};
        if constexpr (std::is_same_v<T, float>) {
          code_.f32(job);
        } else {
          code_.bf16(job);
        }
      }
    });
  }

  [[nodiscard]] size_t scratch_bytes(int64_t /*rows*/, int /*threads*/) const override { return 0; }
  [[nodiscard]] size_t weight_bytes() const override { return weights_.size() * sizeof(T); }

 private:
  const DenseFloatCode& code_;
  int64_t outputs_, inputs_;
  LastingVector<T> weights_;  // panels of (inputs, panel), the last filled up with zeros
};

template <Target kTarget, typename T>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<DenseFloat<T>>(source, *dense_float_code(kTarget));
}

template <Target kTarget>
void add(std::vector<LinearKernel>& table, std::string_view f32, std::string_view bf16) {
  if (dense_float_code(kTarget) == nullptr) return;
  table.push_back({f32, Precision::kF32, kTarget, false, 32, takes_any, make<kTarget, float>});
  table.push_back({bf16, Precision::kBf16, kTarget, false, 32, takes_any, make<kTarget, uint16_t>});
}

}  // namespace

void add_dense_float_kernels(std::vector<LinearKernel>& table) {
  add<Target::kNeon>(table, "dense_f32_neon", "dense_bf16_neon");
  add<Target::kAvx2>(table, "dense_f32_avx2", "dense_bf16_avx2");
}

}  // namespace nxm
