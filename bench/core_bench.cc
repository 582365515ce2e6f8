// SPDX-License-Identifier: Apache-2.0
// The search for an order of channels (its gain is a counter, the share of the way to the best half of each row), and
// the projection against the machine's copy bandwidth. Every iteration times one memcpy of the matrix and one
// projection of it, back to back on the same threads, so that a noisy machine disturbs both: "of_copy" is the median
// over the iterations of copy time / projection time. The result is checked against a sort before anything is timed.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "nxm/core/channel_order.h"
#include "nxm/core/projection.h"
#include "nxm/core/projection_loops.h"
#include "nxm/core/rng.h"

namespace {

using nxm::MatrixView;
using nxm::Pattern;

constexpr int64_t kSide = 4096;  // 64 MiB in and 64 MiB out: more than the caches hold

const std::vector<float>& weights() {
  static const std::vector<float> values = [] {
    std::vector<float> w(kSide * kSide);
    nxm::Rng rng(1, "core_bench");
    for (float& x : w) x = static_cast<float>(rng.uniform() - 0.5);
    return w;
  }();
  return values;
}

/// Is `out` the projection of `w`, with share 1?
bool is_projection(const std::vector<float>& w, const std::vector<float>& out, const Pattern& pattern) {
  std::vector<size_t> order(static_cast<size_t>(pattern.of));
  for (size_t group = 0; group < w.size(); group += order.size()) {
    std::iota(order.begin(), order.end(), group);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return std::abs(w[a]) > std::abs(w[b]); });
    for (size_t rank = 0; rank < order.size(); ++rank) {
      const size_t i = order[rank];
      if (out[i] != (rank < static_cast<size_t>(pattern.keep) ? w[i] : 0.0F)) return false;
    }
  }
  return true;
}

double quantile(std::vector<double> values, double share) {
  const auto place = values.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

/// Arguments: keep, of, share, threads, with a mask or not.
void projection(benchmark::State& state) {
  const Pattern pattern{static_cast<int>(state.range(0)), static_cast<int>(state.range(1)),
                        static_cast<int>(state.range(2))};
  nxm::ThreadPool pool(static_cast<int>(state.range(3)));
  std::vector<float> out(weights().size());
  std::vector<uint8_t> mask(state.range(4) != 0 ? out.size() : 0);
  const MatrixView<const float> w{weights().data(), kSide, kSide};
  const auto project = [&] {
    nxm::project(w, pattern, {out.data(), kSide, kSide}, {mask.empty() ? nullptr : mask.data(), kSide, kSide}, "bench",
                 &pool);
  };
  const auto copy = [&] {
    pool.parallel_for(w.size(), 1, [&](int64_t begin, int64_t end) {
      std::memcpy(out.data() + begin, w.data + begin, static_cast<size_t>(end - begin) * sizeof(float));
    });
  };
  project();
  if (pattern.share == 1 && !is_projection(weights(), out, pattern)) return state.SkipWithError("wrong result");

  std::vector<double> ratios, copies;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    copy();
    const auto copied = std::chrono::steady_clock::now();
    project();
    const std::chrono::duration<double> projecting = std::chrono::steady_clock::now() - copied;
    const std::chrono::duration<double> copying = copied - start;
    state.SetIterationTime(projecting.count());
    ratios.push_back(copying / projecting);
    copies.push_back(copying.count());
  }
  const double bytes = 2.0 * sizeof(float) * static_cast<double>(w.size());  // read and written, the mask not counted
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
  state.counters["copy_GB/s"] = bytes / quantile(copies, 0.5) * 1e-9;
  state.counters["of_copy"] = quantile(ratios, 0.5);
  state.counters["of_copy_p10"] = quantile(ratios, 0.1);
  state.counters["of_copy_p90"] = quantile(ratios, 0.9);
}

BENCHMARK(projection)
    ->ArgNames({"keep", "of", "share", "threads", "mask"})
    ->ArgsProduct({{2}, {4}, {1}, {1, 2}, {0, 1}})
    ->ArgsProduct({{4}, {8}, {1}, {1, 2}, {0, 1}})
    ->ArgsProduct({{8}, {16}, {1}, {1}, {0}})
    ->ArgsProduct({{16}, {32}, {1}, {1}, {0}})
    ->ArgsProduct({{2}, {4}, {2}, {1}, {0}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

/// What numpy.random.seed(seed), numpy.random.rand(rows, cols) give.
std::vector<float> numpy_uniform(uint32_t seed, int64_t count) {
  std::mt19937 generator(seed);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const auto high = static_cast<double>(generator() >> 5U), low = static_cast<double>(generator() >> 6U);
    values.push_back(static_cast<float>((high * 67108864 + low) / 9007199254740992));
  }
  return values;
}

/// Arguments: rows, channels, keep, of. "kept" is the sum of the scores that stay; "efficacy" where it lies between the
/// given order (0) and the largest half, or keep/of, of each row without groups (1), as NVIDIA's permutation_test.py
/// has it.
void channel_order(benchmark::State& state) {
  const int64_t rows = state.range(0), channels = state.range(1);
  const Pattern pattern{static_cast<int>(state.range(2)), static_cast<int>(state.range(3))};
  std::vector<float> scores = numpy_uniform(1, rows * channels);
  const std::vector<nxm::ChannelScores> layers{{{scores.data(), rows, channels}, nxm::ChannelSide::kInput}};
  nxm::ChannelOrder found;
  for (auto _ : state) found = nxm::find_channel_order(layers, pattern, 1);
  const double all = std::accumulate(scores.begin(), scores.end(), 0.0);
  double best = 0;
  for (int64_t r = 0; r < rows; ++r) {
    float* row = &scores[static_cast<size_t>(r * channels)];
    std::sort(row, row + channels, std::greater<>());
    best = std::accumulate(row, row + channels * pattern.keep / pattern.of, best);
  }
  state.counters["kept_before"] = found.before * all;
  state.counters["kept"] = found.after * all;
  state.counters["efficacy"] = (found.after - found.before) / (best / all - found.before);
}

BENCHMARK(channel_order)
    ->ArgNames({"rows", "channels", "keep", "of"})
    ->Args({128, 64, 2, 4})
    ->Args({384, 32, 2, 4})
    ->Args({384, 1536, 2, 4})
    ->Args({768, 3072, 2, 4})
    ->Unit(benchmark::kMillisecond);

/// Every variant of the loops on a matrix that stays in the second-level cache: what the arithmetic alone allows.
void variant_in_cache(benchmark::State& state, const nxm::ProjectionVariant& variant, const Pattern& pattern) {
  constexpr int64_t kRows = 16;
  constexpr int64_t kCols = 1024;
  std::vector<float> out(kRows * kCols);
  const nxm::ProjectionJob job{{weights().data(), kRows, kCols}, pattern, {out.data(), kRows, kCols}, {}, "bench"};
  variant.project(job, 0, kRows);
  const std::vector<float> w(weights().begin(), weights().begin() + kRows * kCols);
  if (!is_projection(w, out, pattern)) return state.SkipWithError("wrong result");
  for (auto _ : state) variant.project(job, 0, kRows);
  state.SetBytesProcessed(2 * static_cast<int64_t>(sizeof(float)) * kRows * kCols * state.iterations());
}

}  // namespace

int main(int argc, char** argv) {
  for (const nxm::ProjectionVariant& variant : nxm::projection_variants()) {
    for (const char* text : {"1:2", "2:4", "4:8", "8:16", "16:32"}) {
      const std::string name = "variant_in_cache/" + std::string(variant.name) + "/" + text;
      benchmark::RegisterBenchmark(name.c_str(), variant_in_cache, variant, Pattern::parse(text));
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
