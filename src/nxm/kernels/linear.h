// SPDX-License-Identifier: Apache-2.0
#pragma once
// y = x * W^T + bias, dense or N:M, in the precision of a kernel: one table of kernels, and the choice among them.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/matrix_view.h"
#include "nxm/core/packed.h"
#include "nxm/core/thread_pool.h"
#include "nxm/kernels/target.h"

namespace nxm {

/// Of the weights as they lie in memory and of the products. Sums are f32 (kInt8: exact in int32). kBf16 rounds the
/// weights, and x too where LinearKernel::x_bits is 16; where it is 32, x stays f32 and the weights are expanded in
/// registers. kInt8 also quantises each row of x, in run(): with lo = min(0, x), hi = max(0, x), levels = 2^x_bits - 1,
/// scale = (hi - lo) / levels, zero = round(-lo / scale), q = round(x / scale) + zero lies in 0...levels, and
/// y = scale * scale_w * (sum q * w - zero * sum w) + bias. A row with a value that is not finite gives NaN. Layers of
/// more than kInt8Inputs inputs, whose sums might overflow, make_linear() makes in f32.
enum class Precision { kF32, kBf16, kInt8 };
inline constexpr int64_t kInt8Inputs = std::numeric_limits<int32_t>::max() / (255 * 127);
[[nodiscard]] std::string_view name_of(Precision precision);  ///< "f32", "bf16", "int8"

/// What is done to y while it is in registers.
struct Epilogue {
  const float* bias = nullptr;  ///< (O)
  bool gelu = false;            ///< exact form x/2 (1 + erf(x/sqrt 2)), |error| <= 2e-6 + 4e-7 |x|
};

/// A layer's weights in the layout of one kernel. Immutable; run() may be called from several threads at once with
/// different scratch and pools.
class Linear {
 public:
  virtual ~Linear() = default;
  /// x (R, I), y (R, O) written completely, R >= 0. `scratch` has at least scratch_bytes(R, pool.size()) bytes, 64-byte
  /// aligned. Splits O (and R) over `pool`; the result does not depend on how. No allocation.
  virtual void run(MatrixView<const float> x, MatrixView<float> y, const Epilogue& epilogue, std::byte* scratch,
                   ThreadPool& pool) const = 0;
  [[nodiscard]] virtual size_t scratch_bytes(int64_t rows, int threads) const = 0;
  [[nodiscard]] virtual size_t weight_bytes() const = 0;  ///< resident memory of the weights
};

/// A layer's weights as they come from a file: dense f32, or packed.
struct LinearSource {
  MatrixView<const float> dense{};   ///< (O, I), if not packed
  std::optional<PackedView> packed;  ///< checked
  [[nodiscard]] int64_t outputs() const { return packed ? packed->rows : dense.rows; }
  [[nodiscard]] int64_t inputs() const { return packed ? packed->cols : dense.cols; }
};

/// A row of the table. `make` is called only if `takes` holds.
struct LinearKernel {
  std::string_view name;  ///< "nm_f32_avx2"
  Precision precision;
  Target needs;
  bool sparse;  ///< works on N:M weights without expanding them
  int x_bits;   ///< of an activation in the product: 32, 16, 8; 7 where products of bytes are added up in 16 bits
  bool (*takes)(const LinearSource& source);
  std::unique_ptr<Linear> (*make)(const LinearSource& source);
  /// Sparse: estimated time over that of the dense kernel of the same target and precision, by the count of
  /// instructions for large R or, on AMX, by what is read (docs/kernels.md). Null: below 1 for every pattern that it
  /// takes.
  double (*cost)(const Pattern& pattern) = nullptr;
};

/// All kernels of this build, the scalar references first, better ones after worse ones.
std::span<const LinearKernel> linear_kernels();

struct LinearChoice {
  std::unique_ptr<Linear> linear;
  std::string_view kernel;
  std::string why;  ///< for people: "2:4 has a kernel of its own", "3:7 is slower sparse than dense: expanded"
};

/// The fastest kernel for the layer on `target`: sparse where that is known to win (docs/kernels.md), dense where it is
/// not or where `dense` asks for it.
LinearChoice make_linear(const LinearSource& source, Precision precision, Target target, bool dense = false);

/// Whether make_linear() would run an (O, I) layer of that pattern sparse.
bool runs_sparse(const Pattern& pattern, int64_t outputs, int64_t inputs, Precision precision, Target target);

}  // namespace nxm
