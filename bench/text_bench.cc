// SPDX-License-Identifier: Apache-2.0
// Sentences a second of the tokenizer, on one thread:  text_bench MODEL_DIR TEXTS [--benchmark_...]
// TEXTS holds one a line. bench/peers/tokenizer.py runs this beside Hugging Face's tokenizers, after comparing the ids.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "nxm/io/atomic_file.h"
#include "nxm/text/tokenizer.h"

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

/// All texts once an iteration, ids, types and offsets.
void encode(benchmark::State& state, const nxm::Tokenizer& tokenizer, const std::vector<std::string_view>& texts) {
  nxm::Encoding encoding;
  size_t tokens = 0;
  for ([[maybe_unused]] const auto _ : state) {
    for (const std::string_view text : texts) {
      tokenizer.encode(text, std::nullopt, 0, encoding);
      tokens += encoding.ids.size();
      benchmark::DoNotOptimize(encoding.ids.data());
    }
  }
  const auto rounds = state.iterations();
  state.SetItemsProcessed(rounds * static_cast<int64_t>(texts.size()));
  state.counters["tokens_per_text"] =
      static_cast<double>(tokens) / static_cast<double>(rounds) / static_cast<double>(texts.size());
}

void load(benchmark::State& state, const std::string& folder) {
  for ([[maybe_unused]] const auto _ : state) benchmark::DoNotOptimize(nxm::Tokenizer::load(folder).vocab_size());
}

}  // namespace

int main(int argc, char** argv) try {
  benchmark::Initialize(&argc, argv);
  if (argc != 3) {
    fmt::print(stderr, "text_bench MODEL_DIR TEXTS [--benchmark_...]\n");
    return 2;
  }
  const nxm::Tokenizer tokenizer = nxm::Tokenizer::load(argv[1]);
  const std::string text = nxm::read_file(argv[2]);
  const std::vector<std::string_view> texts = lines_of(text);
  benchmark::RegisterBenchmark("encode", encode, tokenizer, texts);
  benchmark::RegisterBenchmark("load", load, std::string(argv[1]))->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
