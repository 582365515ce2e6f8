// SPDX-License-Identifier: Apache-2.0
// Linear layers: every kernel of the table, and oneDNN's dense product as their peer. Cases are named
// kernel/precision/pattern/R/I/O. NXM_THREADS sets the threads of both. Every case is compared with the scalar
// reference before it is timed. "GFLOPS" counts 2 R I O, for sparse layers too.
//     kernels_bench --benchmark_filter='/f32/(2:4|dense)/' --benchmark_repetitions=9
//         --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "nxm/core/packed.h"
#include "nxm/core/projection.h"
#include "nxm/core/rng.h"
#include "nxm/kernels/aligned.h"
#include "nxm/kernels/linear.h"
#include "nxm/kernels/reference.h"

namespace {

using nxm::AlignedVector;
using nxm::LinearKernel;
using nxm::LinearSource;
using nxm::MatrixView;
using nxm::Precision;

struct Shape {
  int64_t rows, inputs, outputs;
};

/// A layer, its input and room for its output. pattern "dense": not packed.
struct Case {
  Shape shape;
  AlignedVector<float> weights, x, y;
  nxm::Packed packed;
  LinearSource source;

  Case(const Shape& s, const std::string& pattern)
      : shape(s), weights(size(s.inputs, s.outputs)), x(size(s.rows, s.inputs)), y(size(s.rows, s.outputs)) {
    nxm::Rng rng(1, "kernels_bench");
    for (float& v : weights) v = static_cast<float>(rng.normal());
    for (float& v : x) v = static_cast<float>(rng.normal());
    const MatrixView<float> w{weights.data(), s.outputs, s.inputs};
    source.dense = w;
    if (pattern == "dense") return;
    const auto p = nxm::Pattern::parse(pattern);
    nxm::project(w, p, w, {nullptr, s.outputs, s.inputs}, "bench");
    packed = nxm::pack(w, p, nxm::DType::kF32, "bench");
    source.packed = packed.view();
  }
  static size_t size(int64_t a, int64_t b) { return static_cast<size_t>(a * b); }

  /// Is y right in the first, the middle and the last row?
  [[nodiscard]] bool right(Precision precision, int x_bits, double tolerance) const {
    nxm::ThreadPool pool(1);
    const auto reference = nxm::make_reference(source, precision, x_bits);
    std::vector<float> row(static_cast<size_t>(shape.outputs));
    std::vector<std::byte> scratch(reference->scratch_bytes(1, 1));
    for (const int64_t r : {int64_t{0}, shape.rows / 2, shape.rows - 1}) {
      reference->run({x.data() + r * shape.inputs, 1, shape.inputs}, {row.data(), 1, shape.outputs}, {}, scratch.data(),
                     pool);
      const float* got = y.data() + r * shape.outputs;
      for (size_t o = 0; o < row.size(); ++o) {
        if (!(std::fabs(got[o] - row[o]) <= tolerance)) return false;
      }
    }
    return true;
  }
};

void count(benchmark::State& state, const Shape& s) {
  const double operations = 2.0 * static_cast<double>(s.rows) * static_cast<double>(s.inputs * s.outputs);
  state.counters["GFLOPS"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void ours(benchmark::State& state, const LinearKernel& kernel, const std::string& pattern, const Shape& shape) {
  Case c(shape, pattern);
  if (!kernel.takes(c.source)) return state.SkipWithError("not for this pattern");
  nxm::ThreadPool pool;
  const auto linear = kernel.make(c.source);
  AlignedVector<std::byte> scratch(linear->scratch_bytes(shape.rows, pool.size()));
  const auto run = [&] {
    linear->run({c.x.data(), shape.rows, shape.inputs}, {c.y.data(), shape.rows, shape.outputs}, {}, scratch.data(),
                pool);
  };
  run();
  if (!c.right(kernel.precision, kernel.x_bits, 1e-2)) return state.SkipWithError("wrong result");
  for (auto _ : state) run();
  count(state, shape);
  state.counters["weight_KiB"] = static_cast<double>(linear->weight_bytes()) / 1024;
}

/// oneDNN's matmul, weights in the layout it likes best. bf16: x is rounded beforehand, y is f32. int8: 7-bit
/// activations that are quantised already, y the sums: none of the scales, and not the zero point, that nm_int8 has to
/// handle.
void peer(benchmark::State& state, Precision precision, const Shape& s) {
  Case c(s, "dense");
  using dnnl::memory;
  const bool int8 = precision == Precision::kInt8, bf16 = precision == Precision::kBf16;
  const auto x_type = int8 ? memory::data_type::u8 : bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  const auto w_type = int8 ? memory::data_type::s8 : bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  std::vector<uint8_t> q(c.x.size());
  std::vector<int8_t> w(c.weights.size());
  for (size_t i = 0; i < q.size(); ++i) q[i] = static_cast<uint8_t>(i * 37 % 128);
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<int8_t>(i * 57 % 255 - 127);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::desc x_desc({s.rows, s.inputs}, x_type, memory::format_tag::ab);
  const memory::desc any({s.inputs, s.outputs}, w_type, memory::format_tag::any);
  const memory::desc y_desc({s.rows, s.outputs}, memory::data_type::f32, memory::format_tag::ab);
  const dnnl::matmul::primitive_desc primitive({x_desc, any, y_desc}, engine);
  const auto from = [&](void* data, memory::data_type type, const memory::dims& dims, memory::format_tag tag) {
    return memory({dims, type, tag}, engine, data);
  };
  const auto f32 = memory::data_type::f32;
  memory weights(primitive.weights_desc(), engine);
  memory w_from = from(int8 ? static_cast<void*>(w.data()) : c.weights.data(), int8 ? w_type : f32,
                       {s.inputs, s.outputs}, memory::format_tag::ba);
  dnnl::reorder(w_from, weights).execute(stream, w_from, weights);
  memory x(x_desc, engine);
  memory x_from = from(int8 ? static_cast<void*>(q.data()) : c.x.data(), int8 ? x_type : f32, {s.rows, s.inputs},
                       memory::format_tag::ab);
  dnnl::reorder(x_from, x).execute(stream, x_from, x);
  const dnnl::matmul matmul(primitive);
  const std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, memory(y_desc, engine, c.y.data())}};
  const auto run = [&] {
    matmul.execute(stream, arguments);
    stream.wait();
  };
  run();
  if (!int8 && !c.right(precision, bf16 ? 16 : 32, 1e-2)) return state.SkipWithError("wrong result");
  for (auto _ : state) run();
  count(state, s);
  state.SetLabel(primitive.impl_info_str());
}

}  // namespace

int main(int argc, char** argv) {
  // oneDNN's OpenMP reads its setting before main() begins, so that another start is needed.
  const std::string threads = std::to_string(nxm::available_threads());
  const char* set = std::getenv("OMP_NUM_THREADS");
  if (set == nullptr || threads != set) {
    setenv("OMP_NUM_THREADS", threads.c_str(), 1);
    execv("/proc/self/exe", argv);
    return 1;
  }
  const Shape layers[] = {{0, 384, 384}, {0, 384, 1536}, {0, 1536, 384}, {0, 768, 768}, {0, 768, 3072}, {0, 3072, 768}};
  const auto targets = nxm::available_targets();
  for (Shape shape : layers) {
    for (const int64_t rows : {1, 8, 32, 128, 1024}) {
      shape.rows = rows;
      const auto at = fmt::format("{}/{}/{}", rows, shape.inputs, shape.outputs);
      for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
        const auto name = fmt::format("onednn/{}/dense/{}", name_of(precision), at);
        benchmark::RegisterBenchmark(name.c_str(), peer, precision, shape)->UseRealTime();
      }
      for (const LinearKernel& kernel : nxm::linear_kernels()) {
        if (kernel.needs == nxm::Target::kScalar) continue;
        if (std::find(targets.begin(), targets.end(), kernel.needs) == targets.end()) continue;
        for (const char* pattern : {"dense", "1:2", "2:4", "4:8", "8:16", "1:4", "2:4x2"}) {
          if (kernel.sparse == (std::string(pattern) == "dense")) continue;
          const auto name = fmt::format("{}/{}/{}/{}", kernel.name, name_of(kernel.precision), pattern, at);
          benchmark::RegisterBenchmark(name.c_str(), ours, kernel, pattern, shape)->UseRealTime();
        }
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
