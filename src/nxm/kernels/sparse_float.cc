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

constexpr int64_t kFew = 12;  // tokens up to which the outputs go in lanes (docs/kernels.md)

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Inputs of a window: a group, or two groups of 1:2, as selections are made from four.
int64_t window_of(const Pattern& pattern, int64_t inputs) {
  return pattern.of == 2 && inputs % 4 == 0 ? 4 : pattern.of;
}

template <typename T>
class SparseFloat : public Linear {
 public:
  SparseFloat(const LinearSource& source, const SparseFloatCode& code) : code_(code) {
    const WeightRows rows(source);
    const Pattern& pattern = source.packed->pattern;
    layout_.inputs = rows.inputs();
    layout_.outputs = rows.outputs();
    layout_.window = window_of(pattern, rows.inputs());
    layout_.keep = layout_.window / pattern.of * pattern.keep;
    layout_.pairs = pattern.share % 2 == 0;
    const auto kept = static_cast<size_t>(rows.kept());
    const size_t panels = static_cast<size_t>(layout_.panels());
    values_.resize(panels * kept * kSparsePanel);
    places_.resize(panels * kept);
    std::vector<int32_t> columns(kept);
    std::vector<T> values(kept);
    for (int64_t o = 0; o < rows.outputs(); ++o) {
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
    const SparseFloatOf<T>& code = code_of();
    if (few(x.rows)) {
      const auto panels = [&](int64_t begin, int64_t end) {
        code.few({layout_, x.data, y.data, x.rows, begin, end, epilogue.bias, epilogue.gelu});
      };
      return pool.parallel_for(layout_.panels(), 1, std::ref(panels));
    }
    auto* transposed = reinterpret_cast<float*>(scratch);
    const int64_t tiles = ceil_div(x.rows, code_.tile);
    const auto tokens = [&](int64_t tile) { return std::min(code_.tile, x.rows - tile * code_.tile); };
    const auto transpose = [&](int64_t begin, int64_t end) {
      for (int64_t tile = begin; tile < end; ++tile) {
        const int64_t row = tile * code_.tile;
        code_.transpose(x.row(row), tokens(tile), x.cols, transposed + row * x.cols);
      }
    };
    pool.parallel_for(tiles, 1, std::ref(transpose));
    const int64_t panels = layout_.panels();
    const auto work = [&](int64_t begin, int64_t end) {
      while (begin < end) {  // by tiles
        const int64_t tile = begin / panels;
        const int64_t first = begin % panels;
        const int64_t last = std::min(panels, first + end - begin);
        const int64_t row = tile * code_.tile;
        code.many(
            {layout_, transposed + row * x.cols, y.row(row), tokens(tile), first, last, epilogue.bias, epilogue.gelu});
        begin += last - first;
      }
    };
    pool.parallel_for(tiles * panels, 1, std::ref(work));
  }

  [[nodiscard]] size_t scratch_bytes(int64_t rows) const override {
    if (few(rows)) return 0;
    const int64_t padded = ceil_div(rows, code_.token_lanes) * code_.token_lanes;
    return static_cast<size_t>(padded * layout_.inputs) * sizeof(float);
  }
  [[nodiscard]] size_t weight_bytes() const override {
    return values_.size() * sizeof(T) + places_.size() * sizeof(uint32_t);
  }

 private:
  [[nodiscard]] bool few(int64_t rows) const {
    return rows <= kFew && (layout_.window == 4 || layout_.window == code_.max_window);
  }
  [[nodiscard]] const SparseFloatOf<T>& code_of() const {
    if constexpr (std::is_same_v<T, float>) {
      return code_.f32;
    } else {
      return code_.bf16;
    }
  }

  const SparseFloatCode& code_;
  SparseLayout<T> layout_{};
  AlignedVector<T> values_;
  AlignedVector<uint32_t> places_;
};

template <Target kTarget, typename T>
std::unique_ptr<Linear> make(const LinearSource& source) {
  return std::make_unique<SparseFloat<T>>(source, *sparse_float_code(kTarget));
}

bool fits(const LinearSource& source) { return source.packed && source.packed->pattern.of <= 1 << kPlaceBits; }

}  // namespace

void add_sparse_float_kernels(std::vector<LinearKernel>& table) {
  const auto add = [&](Target target, std::string_view f32, std::string_view bf16, auto make_f32, auto make_bf16) {
    if (sparse_float_code(target) == nullptr) return;
    table.push_back({f32, Precision::kF32, target, true, 0, fits, make_f32});
    table.push_back({bf16, Precision::kBf16, target, true, 0, fits, make_bf16});
  };
  add(Target::kNeon, "nm_f32_neon", "nm_bf16_neon", make<Target::kNeon, float>, make<Target::kNeon, uint16_t>);
  add(Target::kAvx2, "nm_f32_avx2", "nm_bf16_avx2", make<Target::kAvx2, float>, make<Target::kAvx2, uint16_t>);
  add(Target::kAvx512, "nm_f32_avx512", "nm_bf16_avx512", make<Target::kAvx512, float>,
      make<Target::kAvx512, uint16_t>);
}

}  // namespace nxm
