// SPDX-License-Identifier: Apache-2.0
// `nxm bench`: how long a model takes for a batch, layer by layer, and why.

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "nxm/cli/engine.h"
#include "nxm/cli/machine.h"
#include "nxm/cli/options.h"
#include "nxm/cli/random_model.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/core/memory.h"
#include "nxm/core/rng.h"
#include "nxm/infer/session.h"
#include "nxm/io/json_fields.h"
#include "nxm/report/progress.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

namespace fs = std::filesystem;

struct BenchFlags {
  std::string model, shape, pattern, save, precision = "auto";
  int64_t batch = 1, tokens = 128;
  int threads = 0;
  bool pin = false;
  bool dense = false, explain = false, json = false;
};

// Enough for a stable median, and not so much that a large model on a small machine takes minutes.
constexpr int kWarmUps = 3, kLeastRuns = 10, kMostRuns = 1000;
constexpr double kSeconds = 3;

/// A folder that goes away.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "nxm-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void check_tokens(const BenchFlags& flags, const ModelConfig& config) {
  if (flags.tokens > config.max_position_embeddings) {
    fail_usage("tokens", "{} tokens are more than the model's {} positions", flags.tokens,
               config.max_position_embeddings);
  }
}

Session load(const BenchFlags& flags) {
  const SessionOptions options{
      .threads = flags.threads, .precision = parse_precision(flags.precision), .dense = flags.dense, .pin = flags.pin};
  if (flags.model.empty() == flags.shape.empty()) fail_usage("bench", "give either --model DIR or --shape NAME");
  if (!flags.model.empty()) {
    if (!flags.pattern.empty() || !flags.save.empty()) fail_usage("bench", "--pattern and --save belong to --shape");
    return Session::load(model_folder(flags.model), options);
  }
  std::optional<Pattern> pattern;
  if (!flags.pattern.empty()) pattern = Pattern::parse(flags.pattern);
  check_tokens(flags, random_model_config(flags.shape));  // before a model is written
  const TemporaryFolder temporary;
  const fs::path folder = flags.save.empty() ? temporary.path() : fs::path(flags.save);
  write_random_model(folder, flags.shape, pattern);
  return Session::load(folder, options);
}

Batch random_batch(int64_t sequences, int64_t tokens, int64_t vocabulary) {
  Rng rng(0, "bench");
  Batch batch;
  for (int64_t i = 0; i < sequences; ++i) {
    batch.examples.push_back(i);
    batch.labels.push_back(0);
    for (int64_t t = 0; t < tokens; ++t) {
      batch.ids.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(vocabulary))));
      batch.positions.push_back(t);
    }
    batch.begin.push_back(batch.tokens());
  }
  batch.type_ids.resize(batch.ids.size());
  return batch;
}

/// The value that a share of `p` of all values does not exceed.
double percentile(std::vector<double> values, double p) {
  std::ranges::sort(values);
  const auto rank = static_cast<size_t>(std::ceil(p * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

struct Times {
  std::vector<double> total;                // milliseconds of each run
  std::vector<std::vector<double>> layers;  // of each layer
  std::vector<double> rest;                 // of each run, what no layer took
};

Times measure(const Session& session, const Batch& batch) {
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::duration time) { return 1e3 * std::chrono::duration<double>(time).count(); };
  std::vector<double> seconds(session.layers().size());
  for (int i = 0; i < kWarmUps; ++i) static_cast<void>(session.logits(batch, seconds));
  Times times{{}, std::vector<std::vector<double>>(seconds.size()), {}};
  const auto begin = Clock::now();
  for (int run = 0; run < kMostRuns; ++run) {
    if (run >= kLeastRuns && milliseconds(Clock::now() - begin) > 1e3 * kSeconds) break;
    const auto start = Clock::now();
    static_cast<void>(session.logits(batch, seconds));
    times.total.push_back(milliseconds(Clock::now() - start));
    times.rest.push_back(times.total.back());
    for (size_t i = 0; i < seconds.size(); ++i) {
      times.layers[i].push_back(1e3 * seconds[i]);
      times.rest.back() -= 1e3 * seconds[i];
    }
  }
  return times;
}

/// The pattern of the layers that have one.
std::string pattern_of(const std::vector<LayerInfo>& layers) {
  const auto found = std::ranges::find_if(layers, [](const LayerInfo& layer) { return layer.pattern != "dense"; });
  return found == layers.end() ? "dense" : found->pattern;
}

OrderedJson to_json(const Session& session, const BenchFlags& flags, const Times& times) {
  const double median = percentile(times.total, 0.5);
  const std::vector<LayerInfo> infos = session.layers();
  OrderedJson layers = OrderedJson::array();
  for (size_t i = 0; i < infos.size(); ++i) {
    layers.push_back({{"name", infos[i].name},
                      {"pattern", infos[i].pattern},
                      {"kernel", infos[i].kernel},
                      {"ms", percentile(times.layers[i], 0.5)},
                      {"why", infos[i].why}});
  }
  return {{"precision", name_of(session.precision())},
          {"pattern", pattern_of(infos)},
          {"batch", flags.batch},
          {"tokens", flags.tokens},
          {"threads", session.threads()},
          {"runs", times.total.size()},
          {"median_ms", median},
          {"p99_ms", percentile(times.total, 0.99)},
          {"tokens_per_second", 1e3 * static_cast<double>(flags.batch * flags.tokens) / median},
          {"weight_bytes", session.weight_bytes()},
          {"resident_bytes", resident_memory(getpid())},
          {"cpu", read_processor("/proc/cpuinfo").model},
          {"target", name_of(session.target())},
          {"layers", std::move(layers)}};
}

void print_words(const OrderedJson& result, const Times& times, bool explain) {
  const auto text = [](const OrderedJson& value) { return value.get<std::string>(); };
  if (explain) {
    std::vector<std::vector<std::string>> rows{{"layer", "pattern", "kernel", "ms", "why"}};
    for (const OrderedJson& layer : result["layers"]) {
      rows.push_back({text(layer["name"]), text(layer["pattern"]), text(layer["kernel"]),
                      fmt::format("{:.3f}", layer["ms"].get<double>()), text(layer["why"])});
    }
    rows.push_back(
        {"attention, LayerNorm and the rest", "", "", fmt::format("{:.3f}", percentile(times.rest, 0.5)), ""});
    fmt::print("{}\n\n", text_table(rows));
  }
  std::vector<std::vector<std::string>> rows{{"precision", "pattern", "batch x tokens", "threads", "median ms", "p90",
                                              "p99", "tokens/s", "weights", "resident"}};
  rows.push_back({text(result["precision"]), text(result["pattern"]),
                  fmt::format("{} x {}", result["batch"].get<int64_t>(), result["tokens"].get<int64_t>()),
                  fmt::format("{}", result["threads"].get<int>()), fmt::format("{:.2f}", percentile(times.total, 0.5)),
                  fmt::format("{:.2f}", percentile(times.total, 0.9)),
                  fmt::format("{:.2f}", percentile(times.total, 0.99)),
                  count_text(result["tokens_per_second"].get<double>()),
                  size_text(result["weight_bytes"].get<double>()), size_text(result["resident_bytes"].get<double>())});
  fmt::print("{}\n{} runs on {}, target {}\n", text_table(rows), times.total.size(), text(result["cpu"]),
             text(result["target"]));
}

void bench(const BenchFlags& flags) {
  const Session session = load(flags);
  if (flags.pin) pin_this_thread(0);
  check_tokens(flags, session.config());
  const Times times = measure(session, random_batch(flags.batch, flags.tokens, session.config().vocab_size));
  const OrderedJson result = to_json(session, flags, times);
  if (flags.json) {
    fmt::print("{}\n", result.dump());
  } else {
    print_words(result, times, flags.explain);
  }
}

}  // namespace

void add_bench(Verb app) {
  auto flags = std::make_shared<BenchFlags>();
  Verb verb = app.add("bench", "How long a model takes for a batch, layer by layer, and why");
  verb.option("--model", flags->model, "Model folder, or ORG/NAME on a hub");
  verb.option("--shape", flags->shape, "Random weights in the shape of minilm or bert-base instead");
  verb.option("--pattern", flags->pattern, "Pattern of the random weights, 2:4 say; dense without it");
  verb.option("--save", flags->save, "New folder for the random weights, so that other engines can run them");
  verb.option("--precision", flags->precision, "auto (as the model is stored), f32, bf16 or int8").show_default();
  verb.flag("--dense", flags->dense, "Run every layer dense, to compare");
  verb.option("--batch", flags->batch, "Sequences").show_default().within(1, 1 << 16);
  verb.option("--tokens", flags->tokens, "Tokens of each").show_default().within(1, 1 << 20);
  verb.option("--threads", flags->threads, "Threads; 0: all that this process may use").show_default().within(0, 4096);
  add_pin(verb, flags->pin);
  verb.flag("--explain", flags->explain, "Also each layer's kernel, time and why it was chosen");
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer("Example:\n  nxm bench --shape minilm --pattern 2:4 --precision f32 --batch 1 --tokens 128 --explain\n");
  verb.run([flags] { bench(*flags); });
}

}  // namespace nxm::cli
