// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/encoder_pass.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>

#include "nxm/infer/first_attention.h"

namespace nxm {
namespace {

// parallel_for without the allocation that a std::function of a lambda with many captures costs.
template <typename Body>
void split(ThreadPool& pool, int64_t n, int64_t grain, const Body& body) {
  pool.parallel_for(n, grain, std::cref(body));
}

constexpr int64_t kRowGrain = 16;  // rows: some microseconds, more than it costs to wake a thread

size_t floats(int64_t n) { return static_cast<size_t>(n) * sizeof(float); }
float* as_floats(std::byte* memory) { return reinterpret_cast<float*>(memory); }

}  // namespace

Encoder::Pass::Pass(const Encoder& encoder, const Batch& batch, int64_t first, int64_t last, Workspace& workspace,
                    ThreadPool& pool, std::span<double> seconds)
    : encoder_(encoder),
      batch_(batch),
      first_(first),
      last_(last),
      pool_(pool),
      seconds_(seconds),
      head_(encoder.hidden_ / encoder.heads_) {
  int64_t longest = 0;
  for (int64_t i = 0; i < sequences(); ++i) longest = std::max(longest, length(i));
  attention_floats_ = std::max(attention_scratch(longest, head_), longest);
  attention_floats_ = static_cast<int64_t>(Workspace::rounded(floats(attention_floats_)) / sizeof(float));
  size_t scratch = 0;
  for (const Layer& layer : encoder.layers_) {
    for (const int64_t rows : {tokens(), sequences()}) {
      scratch = std::max(scratch, layer.linear->scratch_bytes(rows, pool.size()));
    }
  }
  const size_t hidden = floats(tokens() * encoder.hidden_);
  const size_t wide = floats(tokens() * std::max(3 * encoder.hidden_, encoder.intermediate_));
  const size_t attention = floats(attention_floats_ * pool.size());
  const auto pieces = workspace.take<6>({hidden, wide, hidden, hidden, attention, scratch});
  x_ = as_floats(pieces[0]);
  wide_ = as_floats(pieces[1]);
  context_ = as_floats(pieces[2]);
  update_ = as_floats(pieces[3]);
  attention_scratch_ = as_floats(pieces[4]);
  linear_scratch_ = pieces[5];
}

void Encoder::Pass::run(float* logits) {
  embed();
  for (int64_t i = 0; i + 1 < encoder_.depth_; ++i) encode_all();
  encode_first();
  linear(x_, update_, sequences());  // pooler
  encoder_.ops_->tanh(update_, sequences() * encoder_.hidden_);
  linear(update_, logits, sequences());  // classifier
}

void Encoder::Pass::embed() {
  const int64_t row = batch_.begin[first_];
  split(pool_, tokens(), kRowGrain, [&](int64_t from, int64_t to) {
    encoder_.embedding_.sum(batch_, row + from, row + to, x_ + from * encoder_.hidden_);
  });
  add_norm(nullptr, tokens());
}

void Encoder::Pass::encode_all() {
  const int64_t hidden = encoder_.hidden_, stride = 3 * hidden;
  linear(x_, wide_, tokens());
  for_each_head([&](int64_t sequence, int64_t head, float* scratch) {
    const float* q = wide_ + begin(sequence) * stride + head * head_;
    float* out = context_ + begin(sequence) * hidden + head * head_;
    encoder_.attention_(q, q + hidden, q + 2 * hidden, stride, out, hidden, length(sequence), head_, scratch);
  });
  finish_layer(tokens());
}

void Encoder::Pass::encode_first() {
  const int64_t hidden = encoder_.hidden_, stride = 2 * hidden;
  linear(x_, wide_, tokens());  // keys and values
  for (int64_t i = 0; i < sequences(); ++i) std::copy_n(x_ + begin(i) * hidden, hidden, x_ + i * hidden);
  linear(x_, update_, sequences());  // queries
  for_each_head([&](int64_t sequence, int64_t head, float* scratch) {
    const float* k = wide_ + begin(sequence) * stride + head * head_;
    const int64_t at = sequence * hidden + head * head_;
    first_attention(update_ + at, k, k + hidden, stride, context_ + at, length(sequence), head_, scratch);
  });
  finish_layer(sequences());
}

void Encoder::Pass::finish_layer(int64_t rows) {
  linear(context_, update_, rows);
  add_norm(update_, rows);
  linear(x_, wide_, rows, encoder_.activation_ == Activation::kGelu);
  activate(rows * encoder_.intermediate_);
  linear(wide_, update_, rows);
  add_norm(update_, rows);
}

void Encoder::Pass::linear(const float* x, float* y, int64_t rows, bool gelu) {
  const Layer& layer = encoder_.layers_[layer_];
  const auto start = std::chrono::steady_clock::now();
  layer.linear->run({x, rows, layer.inputs}, {y, rows, layer.outputs()}, {.bias = layer.bias.data(), .gelu = gelu},
                    linear_scratch_, pool_);
  if (!seconds_.empty()) {
    seconds_[layer_] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  ++layer_;
}

void Encoder::Pass::add_norm(const float* residual, int64_t rows) {
  const Norm& norm = encoder_.norms_[norm_++];
  const int64_t hidden = encoder_.hidden_;
  split(pool_, rows, kRowGrain, [&](int64_t begin, int64_t end) {
    const float* added = residual == nullptr ? nullptr : residual + begin * hidden;
    encoder_.ops_->add_layer_norm(x_ + begin * hidden, added, norm.weight.data(), norm.bias.data(), encoder_.eps_,
                                  end - begin, hidden);
  });
}

void Encoder::Pass::activate(int64_t n) {
  if (encoder_.activation_ == Activation::kGelu) return;  // done while the values were in registers
  split(pool_, n, kRowGrain * encoder_.hidden_, [&](int64_t begin, int64_t end) {
    if (encoder_.activation_ == Activation::kRelu) return relu(wide_ + begin, end - begin);
    gelu_tanh(wide_ + begin, end - begin, *encoder_.ops_);
  });
}

template <typename Body>
void Encoder::Pass::for_each_head(const Body& body) {
  std::atomic<int64_t> threads = 0;  // each range takes a scratch of its own; there are at most pool_.size()
  // Heads outside: a batch is sorted by length, so that every range gets short and long sequences.
  split(pool_, encoder_.heads_ * sequences(), 1, [&](int64_t begin, int64_t end) {
    float* scratch = attention_scratch_ + threads.fetch_add(1) * attention_floats_;
    for (int64_t task = begin; task < end; ++task) body(task % sequences(), task / sequences(), scratch);
  });
}

}  // namespace nxm
