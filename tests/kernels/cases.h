// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of linear layers share: random layers of a pattern, and memory that shows who wrote where.

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "nxm/core/packed.h"
#include "nxm/core/projection.h"
#include "nxm/core/rng.h"
#include "nxm/kernels/aligned.h"
#include "nxm/kernels/linear.h"

namespace nxm {

// What a failing case is called, instead of its bytes.
inline void PrintTo(const LinearKernel& kernel, std::ostream* out) { *out << kernel.name; }
inline void PrintTo(Target target, std::ostream* out) { *out << name_of(target); }

}  // namespace nxm

namespace nxm::testing {

/// Can code for `needs` run here?
inline bool runs_here(Target needs) {
  const auto targets = available_targets();
  return std::find(targets.begin(), targets.end(), needs) != targets.end();
}

inline std::vector<float> normal(int64_t n, Rng& rng) {
  std::vector<float> values(static_cast<size_t>(n));
  for (float& x : values) x = static_cast<float>(rng.normal());
  return values;
}

/// A layer of normally distributed weights; pattern "dense" for one that is not packed.
struct Layer {
  std::vector<float> dense, bias;
  Packed packed;
  LinearSource source;

  Layer(const std::string& pattern, DType dtype, int64_t outputs, int64_t inputs, Rng& rng)
      : dense(normal(outputs * inputs, rng)), bias(normal(outputs, rng)) {
    const MatrixView<float> view{dense.data(), outputs, inputs};
    source.dense = view;
    if (pattern == "dense") return;
    project(view, Pattern::parse(pattern), view, {nullptr, outputs, inputs}, "layer");
    packed = pack(view, Pattern::parse(pattern), dtype, "layer");
    source = {};
    source.packed = packed.view();
  }
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
};

/// n elements that begin one float past a vector's boundary, between canaries.
template <typename T>
class Guarded {
 public:
  explicit Guarded(int64_t n, size_t shift = sizeof(float))
      : begin_(kCacheLine + shift), end_(begin_ + static_cast<size_t>(n) * sizeof(T)), lines_(end_ / kCacheLine + 2) {
    std::memset(lines_.data(), kCanary, size());
  }
  T* data() { return reinterpret_cast<T*>(bytes() + begin_); }
  [[nodiscard]] bool intact() const {
    const auto canary = [](unsigned char b) { return b == kCanary; };
    return std::all_of(bytes(), bytes() + begin_, canary) && std::all_of(bytes() + end_, bytes() + size(), canary);
  }

 private:
  static constexpr unsigned char kCanary = 0xA5;
  struct alignas(kCacheLine) Line {
    unsigned char bytes[kCacheLine];
  };
  unsigned char* bytes() { return lines_.data()->bytes; }
  [[nodiscard]] const unsigned char* bytes() const { return lines_.data()->bytes; }
  [[nodiscard]] size_t size() const { return lines_.size() * kCacheLine; }
  size_t begin_, end_;  // of the elements
  std::vector<Line> lines_;
};

/// Runs `linear` on x (rows, inputs) between canaries. Empty if it wrote beyond y or scratch.
inline std::vector<float> run(const Linear& linear, const std::vector<float>& x, int64_t rows, int64_t inputs,
                              int64_t outputs, const Epilogue& epilogue, ThreadPool& pool) {
  Guarded<float> in(rows * inputs);
  Guarded<float> out(rows * outputs);
  Guarded<std::byte> scratch(static_cast<int64_t>(linear.scratch_bytes(rows, pool.size())), 0);
  std::copy(x.begin(), x.end(), in.data());
  linear.run({in.data(), rows, inputs}, {out.data(), rows, outputs}, epilogue, scratch.data(), pool);
  if (!in.intact() || !out.intact() || !scratch.intact()) return {};
  return {out.data(), out.data() + rows * outputs};
}

}  // namespace nxm::testing
