// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/session.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <mutex>

#include "nxm/core/error.h"
#include "nxm/core/memory.h"
#include "nxm/data/answer.h"
#include "nxm/infer/encoder.h"

namespace nxm {
namespace {

constexpr int64_t kLeastLength = 4;  // [CLS], [SEP], and something between

ModelConfig config_of(const ModelDir& dir) {
  if (!dir.has("classifier.weight")) {
    fail(dir.folder().string(),
         "the model has no classification head ('classifier.weight'). Fine-tune it first: nxm finetune");
  }
  ModelConfig config = dir.config();
  const std::vector<int64_t>& shape = dir.info("classifier.weight").shape;
  if (config.labels.empty() && !shape.empty() && shape[0] <= config.vocab_size) {
    for (int64_t i = 0; i < shape[0]; ++i) config.labels.push_back(fmt::format("LABEL_{}", i));
  }
  return config;
}

Precision precision_of(const ModelDir& dir) {
  const std::optional<PackedInfo>& packed = dir.packed();
  if (packed && packed->dtype == DType::kI8) return Precision::kInt8;
  return packed && packed->dtype == DType::kBF16 ? Precision::kBf16 : Precision::kF32;
}

Dataset encode(std::span<const Text> texts, const Tokenizer& tokenizer, int64_t max_length) {
  Dataset data;
  Encoding encoding;
  for (const Text& text : texts) {
    tokenizer.encode(text.a, text.b, static_cast<size_t>(max_length), encoding);
    data.ids.insert(data.ids.end(), encoding.ids.begin(), encoding.ids.end());
    data.type_ids.insert(data.type_ids.end(), encoding.type_ids.begin(), encoding.type_ids.end());
    data.begin.push_back(static_cast<int64_t>(data.ids.size()));
  }
  data.labels.resize(texts.size());
  return data;
}

SessionOptions checked(SessionOptions options, const ModelConfig& config) {
  if (options.threads < 0 || options.threads > kMaxThreads) {
    fail_usage("threads", "expected 0 (all) to {}, got {}", kMaxThreads, options.threads);
  }
  options.max_length = length_for(config, options.max_length);
  return options;
}

// A machine that gives out more memory than it has would kill the process later.
void check_memory(const ModelDir& dir, Precision precision) {
  const std::optional<uint64_t> available = available_memory();
  if (!available) return;
  uint64_t weights = 0;  // but the word table's, which stays in its file
  for (const std::string& name : dir.names()) {
    if (!name.ends_with("word_embeddings.weight")) weights += static_cast<uint64_t>(dir.info(name).elements());
  }
  constexpr uint64_t kBytes[] = {4, 2, 1};
  // Sparse layers take about half of that: no model takes less than this.
  const uint64_t needed = weights * kBytes[static_cast<size_t>(precision)] / 2;
  if (needed > *available) {
    fail(dir.folder().string(), "needs over {} MB of memory, {} MB are free. Free some, or choose a smaller precision",
         needed >> 20U, *available >> 20U);
  }
}

}  // namespace

int64_t length_for(const ModelConfig& config, int64_t given) {
  const int64_t positions = config.max_position_embeddings;
  if (given == 0) return std::min(kUsualLength, positions);
  if (given > positions) {
    fail_usage("max_length", "{} tokens are more than the model's {} positions; choose a smaller --max-length", given,
               positions);
  }
  if (given < kLeastLength) fail_usage("max_length", "expected {} tokens or more, got {}", kLeastLength, given);
  return given;
}

struct Session::Impl {
  Impl(const ModelDir& dir, const SessionOptions& given, std::future<Tokenizer> words)
      : where(dir.folder().string()),
        config(config_of(dir)),
        options(checked(given, config)),
        precision(options.precision.value_or(precision_of(dir))),
        target(chosen_target()),
        pool(options.threads > 0 ? options.threads : available_threads(), options.pin),
        encoder(LayerReader(dir, config, target, options.dense), precision, pool),
        tokenizer(words.get()) {
    check_encoder(dir);
  }

  void check(const Batch& batch) const {
    const auto rows = static_cast<size_t>(batch.tokens());
    require(batch.begin.size() == batch.examples.size() + 1 && batch.begin.front() == 0 &&
                batch.begin.back() == batch.tokens() && batch.type_ids.size() == rows && batch.positions.size() == rows,
            "Session: a batch whose parts are of different sizes");
    require(std::ranges::adjacent_find(batch.begin, std::ranges::greater_equal()) == batch.begin.end(),
            "Session: a sequence without tokens");
    const auto within = [](const std::vector<int64_t>& values, int64_t end) {
      return std::ranges::all_of(values, [end](int64_t value) { return value >= 0 && value < end; });
    };
    require(within(batch.ids, config.vocab_size), "Session: a token id beyond the model's vocabulary");
    require(within(batch.positions, config.max_position_embeddings), "Session: a position beyond the model's");
    if (!within(batch.type_ids, config.type_vocab_size)) {
      fail(where, "the model knows {} type(s) of token, so it takes no pairs of texts. Give one text",
           config.type_vocab_size);
    }
  }

  std::string where;
  ModelConfig config;
  SessionOptions options;
  Precision precision;
  Target target;
  std::mutex mutex;  // of pool and workspace
  ThreadPool pool;
  Workspace workspace;
  Encoder encoder;
  Tokenizer tokenizer;
};

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Session Session::load(const std::filesystem::path& folder, const SessionOptions& options) {
  // A vocabulary takes as long to read as the weights of a small model.
  auto words = std::async(std::launch::async, [&folder] { return Tokenizer::load(folder); });
  const ModelDir dir(folder);
  check_memory(dir, options.precision.value_or(precision_of(dir)));
  return Session(std::make_unique<Impl>(dir, options, std::move(words)));
}

const ModelConfig& Session::config() const { return impl_->config; }
const Tokenizer& Session::tokenizer() const { return impl_->tokenizer; }
int64_t Session::outputs() const { return impl_->encoder.outputs(); }
Precision Session::precision() const { return impl_->precision; }
int Session::threads() const { return impl_->pool.size(); }
Target Session::target() const { return impl_->target; }
size_t Session::weight_bytes() const { return impl_->encoder.weight_bytes(); }

std::vector<LayerInfo> Session::layers() const {
  std::vector<LayerInfo> infos;
  for (const Layer& layer : impl_->encoder.layers()) infos.push_back(layer.info);
  return infos;
}

std::vector<float> Session::logits(const Batch& batch, std::span<double> layer_seconds) const {
  impl_->check(batch);
  require(layer_seconds.empty() || layer_seconds.size() == impl_->encoder.layers().size(),
          "Session: a time for each layer");
  std::vector<float> logits(static_cast<size_t>(batch.size() * outputs()));
  if (logits.empty()) return logits;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->encoder.run(batch, logits, impl_->workspace, impl_->pool, layer_seconds);
  }
  for (const float logit : logits) {
    if (!std::isfinite(logit)) {
      fail(impl_->where,
           "the model answers {}, expected a finite number. Its weights are damaged: nxm inspect names them",
           std::fabs(logit));
    }
  }
  return logits;
}

std::vector<float> Session::logits(const Dataset& data, int64_t batch,
                                   const std::function<void(int64_t)>& progress) const {
  const int64_t width = outputs();
  std::vector<float> all(static_cast<size_t>(data.size() * width));
  int64_t done = 0;
  for (const auto& examples : evaluation_batches(data, batch)) {
    const Batch part = make_batch(data, examples);
    const std::vector<float> some = logits(part);
    for (int64_t i = 0; i < part.size(); ++i) {
      std::copy_n(some.data() + i * width, width, all.data() + part.examples[i] * width);
    }
    done += part.size();
    if (progress) progress(done);
  }
  return all;
}

std::vector<Prediction> Session::predict(std::span<const Text> texts, int64_t batch) const {
  const std::vector<float> all = logits(encode(texts, tokenizer(), impl_->options.max_length), batch);
  std::vector<Prediction> predictions;
  const auto width = static_cast<size_t>(outputs());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto row = std::span(all).subspan(i * width, width);
    const Answer answer = answer_of(row, config().labels, impl_->where);
    predictions.push_back({std::string(width == 1 ? "" : answer.label), answer.score, {row.begin(), row.end()}});
  }
  return predictions;
}

Prediction Session::predict(std::string_view text) const {
  const Text one{text, std::nullopt};
  return predict({&one, 1}).front();
}

}  // namespace nxm
