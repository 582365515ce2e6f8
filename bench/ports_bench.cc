// SPDX-License-Identifier: Apache-2.0
// What a selection costs beside a product on AVX-512 and AVX2: the limit of the N:M kernels (docs/kernels.md).
// Everything is in registers or the first-level cache. "rate" counts products a second: divide by that of the same
// precision's `product`.
//     ports_bench --benchmark_repetitions=9 --benchmark_report_aggregates_only=true

#include <benchmark/benchmark.h>

#include <utility>
#include <vector>

#include "nxm/kernels/target.h"

#if defined(__x86_64__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of GCC 12's own header
#include <immintrin.h>

#define NXM_AVX512 __attribute__((target("avx512f,avx512bw,avx512vnni,avx512bf16")))
#define NXM_INLINE NXM_AVX512 __attribute__((always_inline)) static inline

namespace {

constexpr int kSums = 16;   // 8 tokens by 2 panels
constexpr int kShared = 4;  // products that take from one window
alignas(64) unsigned char g_windows[kSums / kShared * 64];

/// The same, which the compiler must keep in a register and knows nothing of.
NXM_INLINE __m512i opaque(__m512i value) {
  asm volatile("" : "+v"(value));
  return value;
}

struct F32 {
  NXM_INLINE __m512i select(__m512i window, __m512i places) { return _mm512_permutexvar_epi32(places, window); }
  NXM_INLINE __m512i product(__m512i sum, __m512i x, __m512i w) {
    return _mm512_castps_si512(
        _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(w), _mm512_castsi512_ps(sum)));
  }
};
struct BF16 {
  NXM_INLINE __m512i select(__m512i window, __m512i places) { return _mm512_permutexvar_epi16(places, window); }
  NXM_INLINE __m512i product(__m512i sum, __m512i x, __m512i w) {
    return _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)x, (__m512bh)w));
  }
};
struct Int8 {
  NXM_INLINE __m512i select(__m512i window, __m512i places) { return _mm512_shuffle_epi8(window, places); }
  NXM_INLINE __m512i product(__m512i sum, __m512i x, __m512i w) { return _mm512_dpbusd_epi32(sum, x, w); }
};

/// Without VNNI.
struct Int8In16 : Int8 {
  NXM_INLINE __m512i product(__m512i sum, __m512i x, __m512i w) {
    return _mm512_add_epi32(sum, opaque(_mm512_madd_epi16(_mm512_maddubs_epi16(x, w), opaque(_mm512_set1_epi16(1)))));
  }
};

/// Another way to move bytes about, which selects too little by itself.
struct Int8Shifted : Int8 {
  NXM_INLINE __m512i select(__m512i window, __m512i places) { return _mm512_srlv_epi32(window, places); }
};

/// kTurns: every other product takes what a load brings, without a selection.
enum class Window { kRegister, kLoad, kBroadcast, kTurns };

/// `kAtOnce` selections, then the products of as many earlier ones.
template <class P, bool kSelect, Window kWindow, int kAtOnce = 1>
NXM_AVX512 void run(benchmark::State& state) {
  __m512i sums[kSums], windows[kSums / kShared];
#pragma GCC unroll 16
  for (auto& sum : sums) sum = _mm512_setzero_si512();
#pragma GCC unroll 16
  for (auto& window : windows) window = _mm512_set1_epi32(1);
  __m512i selected[kAtOnce], before[kAtOnce];
#pragma GCC unroll 8
  for (int j = 0; j < kAtOnce; ++j) selected[j] = before[j] = _mm512_set1_epi32(1);
  __m512i places = _mm512_set1_epi32(0x03020100);
  __m512i w = _mm512_set1_epi32(1);
  constexpr int kRepeats = 1000;
  for (auto _ : state) {
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      benchmark::ClobberMemory();  // the windows are read again
      places = opaque(places);
      w = opaque(w);
#pragma GCC unroll 16
      for (int i = 0; i < kSums; ++i) {
        const unsigned char* from = &g_windows[static_cast<size_t>(i / kShared) * 64];
        __m512i window = windows[i / kShared];
        if (i % kShared == 0 && kWindow == Window::kLoad) window = opaque(_mm512_load_si512(from));
        if (i % kShared == 0 && kWindow == Window::kBroadcast) {
          window = opaque(_mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(from))));
        }
        windows[i / kShared] = window;
        const bool loads = kWindow == Window::kTurns && i % 2 == 1;
        if (loads) window = opaque(_mm512_load_si512(from));
        const __m512i x = kSelect && !loads ? opaque(P::select(opaque(window), places)) : window;
        if (kAtOnce == 1) {
          sums[i] = opaque(P::product(sums[i], x, w));
          continue;
        }
        selected[i % kAtOnce] = x;
        if (i % kAtOnce < kAtOnce - 1) continue;
#pragma GCC unroll 8
        for (int j = 0; j < kAtOnce; ++j) {
          auto& sum = sums[i + 1 - kAtOnce + j];
          sum = opaque(P::product(sum, before[j], w));
          before[j] = selected[j];
        }
      }
    }
  }
  const auto products = static_cast<double>(state.iterations()) * kRepeats * kSums;
  state.counters["rate"] = benchmark::Counter(products, benchmark::Counter::kIsRate);
}

#define NXM_AVX2 __attribute__((target("avx2,fma")))

/// How one of eight f32 is chosen for each lane on AVX2.
enum class Select { kNone, kHalf, kWhole, kWholeForTwo, kHalves };

template <Select kSelect>
NXM_AVX2 void run_avx2(benchmark::State& state) {
  constexpr int kChains = 8;  // latency times ports
  __m256 sums[kChains];
#pragma GCC unroll 8
  for (auto& sum : sums) sum = _mm256_setzero_ps();
  __m256i places = _mm256_set1_epi32(0x03020100), lanes = _mm256_set1_epi32(1);
  __m256 w = _mm256_set1_ps(1), window = _mm256_set1_ps(1), other = window;
  constexpr int kRepeats = 1000;
  for (auto _ : state) {
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      asm volatile("" : "+x"(places), "+x"(lanes), "+x"(w));
      __m256 x = window;
#pragma GCC unroll 8
      for (int i = 0; i < kChains; ++i) {
        asm volatile("" : "+x"(window), "+x"(other));  // no selection serves for the next product too
        if (kSelect == Select::kHalf) {                // of four, within each half: 2:4
          x = _mm256_castsi256_ps(_mm256_shuffle_epi8(_mm256_castps_si256(window), places));
        } else if (kSelect == Select::kWhole || (kSelect == Select::kWholeForTwo && i % 2 == 0)) {  // of eight: 4:8
          x = _mm256_permutevar8x32_ps(window, lanes);
        } else if (kSelect == Select::kHalves) {  // of eight, from two registers that repeat four each
          x = _mm256_blendv_ps(_mm256_permutevar_ps(window, lanes), _mm256_permutevar_ps(other, lanes), w);
        }
        sums[i] = _mm256_fmadd_ps(x, w, sums[i]);
      }
    }
  }
#pragma GCC unroll 8
  for (auto& sum : sums) asm volatile("" : "+x"(sum));
  const auto products = static_cast<double>(state.iterations()) * kRepeats * kChains;
  state.counters["rate"] = benchmark::Counter(products, benchmark::Counter::kIsRate);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const auto has = [](nxm::Target target) { return nxm::includes(nxm::available_targets().back(), target); };
  using Cases = std::vector<std::pair<const char*, void (*)(benchmark::State&)>>;
  const auto add = [](const Cases& cases) {
    for (const auto& [name, function] : cases) benchmark::RegisterBenchmark(name, function);
  };
  if (has(nxm::Target::kAvx512)) {
    add({{"f32/product", run<F32, false, Window::kRegister>},
         {"f32/vpermps", run<F32, true, Window::kRegister>},
         {"f32/vpermps, every other a load", run<F32, true, Window::kTurns>},
         {"int8 in 16 bits/product", run<Int8In16, false, Window::kRegister>},
         {"int8 in 16 bits/vpshufb", run<Int8In16, true, Window::kRegister>}});
  }
  if (has(nxm::Target::kAvx512Bf16)) {
    add({{"bf16/product", run<BF16, false, Window::kRegister>}, {"bf16/vpermw", run<BF16, true, Window::kRegister>}});
  }
  if (has(nxm::Target::kAvx512Vnni)) {
    add({{"int8/product", run<Int8, false, Window::kRegister>},
         {"int8/vpshufb", run<Int8, true, Window::kRegister>},
         {"int8/vpshufb, four, then four products", run<Int8, true, Window::kRegister, 4>},
         {"int8/vpsrlvd", run<Int8Shifted, true, Window::kRegister>},
         {"int8/vpshufb, a load for four", run<Int8, true, Window::kLoad>},
         {"int8/vpshufb, a broadcast for four", run<Int8, true, Window::kBroadcast>}});
  }
  if (has(nxm::Target::kAvx2)) {
    add({{"avx2 f32/product", run_avx2<Select::kNone>},
         {"avx2 f32/vpshufb", run_avx2<Select::kHalf>},
         {"avx2 f32/vpermps", run_avx2<Select::kWhole>},
         {"avx2 f32/vpermps, one for two", run_avx2<Select::kWholeForTwo>},
         {"avx2 f32/two vpermilps and vblendvps", run_avx2<Select::kHalves>}});
  }
  benchmark::RunSpecifiedBenchmarks();
}
#pragma GCC diagnostic pop
#else
int main() {}
#endif
