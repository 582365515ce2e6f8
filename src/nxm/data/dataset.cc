// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/dataset.h"

#include <algorithm>
#include <numeric>

#include "nxm/core/error.h"

namespace nxm {
namespace {

constexpr int64_t kBlock = 1024;  // examples that one thread takes at a time

void append(Dataset& to, const Dataset& from) {
  const int64_t base = to.begin.back();
  to.ids.insert(to.ids.end(), from.ids.begin(), from.ids.end());
  to.type_ids.insert(to.type_ids.end(), from.type_ids.begin(), from.type_ids.end());
  for (size_t i = 1; i < from.begin.size(); ++i) to.begin.push_back(base + from.begin[i]);
  to.labels.insert(to.labels.end(), from.labels.begin(), from.labels.end());
  to.truncated += from.truncated;
}

Dataset tokenize_range(std::span<const Example> examples, const Tokenizer& tokenizer, size_t max_length) {
  Dataset out;
  Encoding encoding;
  for (const Example& example : examples) {
    const auto second = example.b ? std::optional<std::string_view>(*example.b) : std::nullopt;
    tokenizer.encode(example.a, second, max_length, encoding);
    out.ids.insert(out.ids.end(), encoding.ids.begin(), encoding.ids.end());
    out.type_ids.insert(out.type_ids.end(), encoding.type_ids.begin(), encoding.type_ids.end());
    out.begin.push_back(static_cast<int64_t>(out.ids.size()));
    out.labels.push_back(example.label);
    out.truncated += encoding.dropped > 0;
  }
  return out;
}

std::vector<int64_t> all_examples(const Dataset& data) {
  std::vector<int64_t> order(static_cast<size_t>(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

/// `order` cut into runs of `size`; only the last may be shorter.
std::vector<std::vector<int64_t>> cut(std::span<const int64_t> order, int64_t size) {
  std::vector<std::vector<int64_t>> runs;
  while (!order.empty()) {
    const size_t n = std::min(order.size(), static_cast<size_t>(size));
    runs.emplace_back(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n));
    order = order.subspan(n);
  }
  return runs;
}

}  // namespace

Dataset tokenize(const Examples& examples, const Tokenizer& tokenizer, size_t max_length, ThreadPool* pool) {
  const auto n = static_cast<int64_t>(examples.rows.size());
  std::vector<Dataset> blocks(static_cast<size_t>((n + kBlock - 1) / kBlock));
  const auto work = [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      const int64_t start = b * kBlock;
      blocks[b] =
          tokenize_range(std::span(examples.rows).subspan(start, std::min(kBlock, n - start)), tokenizer, max_length);
    }
  };
  if (pool != nullptr) {
    pool->parallel_for(static_cast<int64_t>(blocks.size()), 1, work);
  } else {
    work(0, static_cast<int64_t>(blocks.size()));
  }
  Dataset out;
  for (const Dataset& block : blocks) append(out, block);
  return out;
}

Batch make_batch(const Dataset& data, std::span<const int64_t> examples) {
  Batch batch{.examples = {examples.begin(), examples.end()}};
  std::sort(batch.examples.begin(), batch.examples.end(),
            [&](int64_t a, int64_t b) { return std::pair(data.length(a), a) < std::pair(data.length(b), b); });
  for (const int64_t i : batch.examples) {
    batch.ids.insert(batch.ids.end(), data.ids.begin() + data.begin[i], data.ids.begin() + data.begin[i + 1]);
    batch.type_ids.insert(batch.type_ids.end(), data.type_ids.begin() + data.begin[i],
                          data.type_ids.begin() + data.begin[i + 1]);
    for (int64_t position = 0; position < data.length(i); ++position) batch.positions.push_back(position);
    batch.begin.push_back(batch.tokens());
    batch.labels.push_back(data.labels[i]);
  }
  return batch;
}

Sampler::Sampler(const Dataset& data, int64_t batch, uint64_t seed) : data_(&data), batch_(batch), seed_(seed) {
  require(batch >= 1, "Sampler: a batch of at least one example");
}

int64_t Sampler::batches() const { return (data_->size() + batch_ - 1) / batch_; }

std::vector<std::vector<int64_t>> Sampler::epoch(int64_t epoch) const {
  Rng rng(seed_, "sampler", static_cast<uint64_t>(epoch));
  std::vector<int64_t> order = all_examples(*data_);
  shuffle(std::span(order), rng);
  // The short batch is taken off before the sorting, so that it is a fair sample and not always the longest examples.
  const std::span<const int64_t> rest = std::span(order).last(order.size() % static_cast<size_t>(batch_));
  std::vector<std::vector<int64_t>> batches;
  for (auto& chunk : cut(std::span(order).first(order.size() - rest.size()), kChunkBatches * batch_)) {
    std::stable_sort(chunk.begin(), chunk.end(),
                     [&](int64_t a, int64_t b) { return data_->length(a) < data_->length(b); });
    for (auto& batch : cut(chunk, batch_)) batches.push_back(std::move(batch));
  }
  shuffle(std::span(batches), rng);
  if (!rest.empty()) batches.emplace_back(rest.begin(), rest.end());
  return batches;
}

std::vector<std::vector<int64_t>> evaluation_batches(const Dataset& data, int64_t batch) {
  require(batch >= 1, "evaluation_batches: a batch of at least one example");
  std::vector<int64_t> order = all_examples(data);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return data.length(a) > data.length(b); });
  return cut(order, batch);
}

}  // namespace nxm
