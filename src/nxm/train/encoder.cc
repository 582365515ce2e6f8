// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/encoder.h"

#include <array>
#include <numeric>
#include <type_traits>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/kernels/aligned.h"
#include "nxm/kernels/training_ops.h"
#include "nxm/train/products.h"

namespace nxm {
namespace {

constexpr int64_t kStretch = 32;  // rows that share one sum of each column: fixed, so that threads do not change it

/// A layer's parameters in the order in which autograd gets them, and gives their gradients back.
enum Place : uint8_t {
  kQuery,
  kQueryBias,
  kKey,
  kKeyBias,
  kValue,
  kValueBias,
  kOutput,
  kOutputBias,
  kNorm,
  kNormShift,
  kInner,
  kInnerBias,
  kOuter,
  kOuterBias,
  kNorm2,
  kNorm2Shift,
  kPlaces
};

std::array<at::Tensor, kPlaces> parameters_of(const BertLayer& layer) {
  return {layer.query.weight,
          layer.query.bias,
          layer.key.weight,
          layer.key.bias,
          layer.value.weight,
          layer.value.bias,
          layer.attention_output.weight,
          layer.attention_output.bias,
          layer.attention_norm.weight,
          layer.attention_norm.bias,
          layer.intermediate.weight,
          layer.intermediate.bias,
          layer.output.weight,
          layer.output.bias,
          layer.output_norm.weight,
          layer.output_norm.bias};
}

template <typename T>
T* data(const at::Tensor& tensor) {
  if constexpr (std::is_same_v<T, uint16_t>) {
    return reinterpret_cast<uint16_t*>(tensor.data_ptr<at::BFloat16>());
  } else {
    return tensor.data_ptr<T>();
  }
}

struct Sequence {
  int64_t row, tokens;
  uint32_t first_index;  // of attention's dropout, all heads
};

/// What the way back needs of dropout(product + bias) + residual -> LayerNorm.
struct NormKept {
  at::Tensor normal, scale;
  Dropout dropout;
};

/// What the way back needs of a layer. "T": of the products' type, with padded rows.
struct Kept {
  std::array<at::Tensor, kPlaces> parameters;
  at::Tensor x;        // (R, H) T
  at::Tensor x_first;  // (B, H) T, in the last layer
  Products::Weight qkv_weight, out_weight, inner, outer;
  at::Tensor q, k, v;  // (R or B, H), (R, H) T, without their biases; rows apart by their stride
  at::Tensor context;  // (R or B, H) T
  at::Tensor log_sum;  // (R or B, heads) f32
  Dropout dropout;     // attention's
  NormKept norm;
  at::Tensor h;     // T, what norm made
  at::Tensor u, a;  // (R or B, I) T: before its bias and GELU, and after
  NormKept norm2;
};

/// A matrix of the residual stream, and the same as the products take it, with padded rows (exact: perhaps).
struct Rows {
  at::Tensor exact;    // f32
  at::Tensor rounded;  // T; f32: the same values, in the same tensor perhaps
};

/// A gradient of the residual stream: exact + rounded.
using RowsBack = Rows;

struct State : torch::CustomClassHolder {
  EncoderOptions options;
  std::vector<double> eps;
  std::vector<Sequence> sequences;
  int64_t rows = 0;  // R
  at::Tensor first;  // (B) int64
  std::vector<Kept> kept;
  std::unique_ptr<Products> products;
};

/// f(first row, rows, sums) for stretches of rows, `sums` being `width` zeros to be added to. Returns their total.
template <typename F>
at::Tensor over_rows(int64_t rows, int64_t width, F f) {
  const int64_t stretches = (rows + kStretch - 1) / kStretch;
  const at::Tensor sums = at::zeros({stretches, width}, at::kFloat);
  auto* place = data<float>(sums);
  at::parallel_for(0, stretches, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      f(i * kStretch, std::min(kStretch, rows - i * kStretch), place + i * width);
    }
  });
  return width == 0 ? sums : sums.sum(0);
}

template <typename T>
class Pass {
 public:
  explicit Pass(State& state) : state_(state), ops_(training_ops_for<T>(chosen_target())), products_(*state.products) {}

  Rows forward(const Rows& x, std::array<at::Tensor, kPlaces> parameters, double eps, int64_t layer, bool last,
               bool keep) {
    Kept kept;
    kept.parameters = std::move(parameters);
    const auto& p = kept.parameters;
    const int64_t hidden = x.exact.size(1);
    kept.x = x.rounded;
    kept.qkv_weight = products_.weight({p[kQuery], p[kKey], p[kValue]});
    Rows asks = x;
    if (last) {
      asks = {x.exact.index_select(0, state_.first), products_.matrix(rows(last), hidden)};
      at::Tensor place = asks.rounded.narrow(0, 0, rows(last));
      at::index_select_out(place, x.rounded, 0, state_.first);
      kept.x_first = asks.rounded;
      const at::Tensor kv = products_.forth(x.rounded, kept.qkv_weight, 1, 2);
      kept.q = products_.forth(asks.rounded, kept.qkv_weight, 0, 1);
      kept.k = kv.narrow(1, 0, hidden);
      kept.v = kv.narrow(1, hidden, hidden);
    } else {
      const at::Tensor qkv = products_.forth(x.rounded, kept.qkv_weight, 0, 3);
      kept.q = qkv.narrow(1, 0, hidden);
      kept.k = qkv.narrow(1, hidden, hidden);
      kept.v = qkv.narrow(1, 2 * hidden, hidden);
    }
    products_.end_forth(kept.qkv_weight);
    attention(kept, layer, last);
    const Rows h = norm(product(kept.context, p[kOutput], kept.out_weight), p[kOutputBias], asks.exact, p[kNorm],
                        p[kNormShift], eps, seed(layer, "attention output"), rows(last), kept.norm);
    kept.h = h.rounded;
    kept.u = product(h.rounded, p[kInner], kept.inner);
    const int64_t width = kept.u.size(1);
    kept.a = products_.matrix(rows(last), width);
    {
      RECORD_USER_SCOPE("nxm::elementwise");
      over_rows(rows(last), 0, [&](int64_t row, int64_t rows, float* /*sums*/) {
        ops_.gelu(data<T>(kept.u) + row * width, data<float>(p[kInnerBias]), data<T>(kept.a) + row * width, rows,
                  width);
      });
    }
    Rows out = norm(product(kept.a, p[kOuter], kept.outer), p[kOuterBias], h.exact, p[kNorm2], p[kNorm2Shift], eps,
                    seed(layer, "output"), rows(last), kept.norm2);
    if (keep) state_.kept.push_back(std::move(kept));
    return out;
  }

  /// Puts the gradients of the layer's parameters at their places.
  RowsBack backward(const Kept& kept, const RowsBack& g, bool last, at::Tensor* gradients) {
    const auto& p = kept.parameters;
    const int64_t hidden = g.exact.size(1);
    const RowsBack out = norm_back(g, p[kNorm2], kept.norm2, gradients + kOuterBias);
    gradients[kOuter] = products_.weight_gradient(out.rounded, kept.a);
    const at::Tensor u_g = products_.back(out.rounded, kept.outer, 0, 1);  // of a, first
    {
      RECORD_USER_SCOPE("nxm::elementwise");
      const int64_t width = u_g.size(1);
      gradients[kInnerBias] = over_rows(rows(last), width, [&](int64_t row, int64_t rows, float* sums) {
        ops_.gelu_back(data<T>(kept.u) + row * width, data<float>(p[kInnerBias]), data<T>(u_g) + row * width, sums,
                       rows, width);
      });
    }
    gradients[kInner] = products_.weight_gradient(u_g, kept.h);
    const RowsBack h =
        norm_back({out.exact, products_.back(u_g, kept.inner, 0, 1)}, p[kNorm], kept.norm, gradients + kOutputBias);
    gradients[kOutput] = products_.weight_gradient(h.rounded, kept.context);
    const at::Tensor context_g = products_.back(h.rounded, kept.out_weight, 0, 1);
    const auto put = [&](const at::Tensor& all, std::initializer_list<Place> places) {
      int64_t at = 0;
      for (const Place place : places) gradients[place] = all.narrow(0, hidden * at++, hidden);
    };
    if (!last) {
      const at::Tensor qkv_g = products_.matrix(state_.rows, 3 * hidden);
      const auto part = [&](int64_t i) { return qkv_g.narrow(1, i * hidden, hidden); };
      put(attention_back(kept, last, context_g, part(0), part(1), part(2)), {kQueryBias, kKeyBias, kValueBias});
      put(products_.weight_gradient(qkv_g, kept.x), {kQuery, kKey, kValue});
      return {h.exact, products_.back(qkv_g, kept.qkv_weight, 0, 3)};
    }
    const at::Tensor q_g = products_.matrix(rows(last), hidden);
    const at::Tensor kv_g = products_.matrix(state_.rows, 2 * hidden);
    put(attention_back(kept, last, context_g, q_g, kv_g.narrow(1, 0, hidden), kv_g.narrow(1, hidden, hidden)),
        {kQueryBias, kKeyBias, kValueBias});
    gradients[kQuery] = products_.weight_gradient(q_g, kept.x_first);
    put(products_.weight_gradient(kv_g, kept.x), {kKey, kValue});
    const at::Tensor asks_g = h.exact + products_.back(q_g, kept.qkv_weight, 0, 1).narrow(0, 0, rows(last));
    return {at::zeros({state_.rows, hidden}, at::kFloat).index_copy_(0, state_.first, asks_g),
            products_.back(kv_g, kept.qkv_weight, 1, 2)};
  }

 private:
  /// That a layer puts out.
  [[nodiscard]] int64_t rows(bool last) const { return last ? state_.first.size(0) : state_.rows; }

  [[nodiscard]] uint64_t seed(int64_t layer, std::string_view use) const {
    return Rng(state_.options.seed, use, static_cast<uint64_t>(layer)).next();
  }

  /// y = x W^T; `prepared` is W as the way back takes it.
  at::Tensor product(const at::Tensor& x, const at::Tensor& weight, Products::Weight& prepared) {
    prepared = products_.weight({weight});
    at::Tensor y = products_.forth(x, prepared, 0, 1);
    products_.end_forth(prepared);
    return y;
  }

  /// LayerNorm(dropout(y + bias) + residual).
  Rows norm(const at::Tensor& y, const at::Tensor& bias, const at::Tensor& residual, const at::Tensor& weight,
            const at::Tensor& shift, double eps, uint64_t dropout_seed, int64_t rows, NormKept& kept) {
    RECORD_USER_SCOPE("nxm::elementwise");
    const int64_t width = y.size(1);
    kept.dropout = make_dropout(state_.options.hidden_dropout, dropout_seed);
    kept.normal = at::empty({rows, width}, at::kFloat);
    kept.scale = at::empty({rows}, at::kFloat);
    Rows out;
    out.rounded = products_.matrix(rows, width);
    out.exact = std::is_same_v<T, float> ? out.rounded : at::empty({rows, width}, at::kFloat);
    over_rows(rows, 0, [&](int64_t row, int64_t count, float* /*sums*/) {
      const int64_t at = row * width;
      ops_.norm({.y = data<T>(y) + at,
                 .bias = data<float>(bias),
                 .residual = data<float>(residual) + at,
                 .weight = data<float>(weight),
                 .shift = data<float>(shift),
                 .eps = static_cast<float>(eps),
                 .dropout = kept.dropout,
                 .first_row = row,
                 .rows = count,
                 .width = width,
                 .normal = data<float>(kept.normal) + at,
                 .scale = data<float>(kept.scale) + row,
                 .out = data<float>(out.exact) + at,
                 .out_rounded = std::is_same_v<T, float> ? nullptr : data<T>(out.rounded) + at});
    });
    return out;
  }

  /// The gradients of the residual and of y; `gradients`: those of bias, weight and shift.
  RowsBack norm_back(const RowsBack& g, const at::Tensor& weight, const NormKept& kept, at::Tensor* gradients) {
    RECORD_USER_SCOPE("nxm::elementwise");
    const int64_t rows = kept.normal.size(0), width = kept.normal.size(1);
    RowsBack back{at::empty({rows, width}, at::kFloat), products_.matrix(rows, width)};
    const at::Tensor sums = over_rows(rows, 3 * width, [&](int64_t row, int64_t count, float* place) {
      const int64_t at = row * width;
      ops_.norm_back({.g = data<float>(g.exact) + at,
                      .more = g.rounded.defined() ? data<T>(g.rounded) + at : nullptr,
                      .normal = data<float>(kept.normal) + at,
                      .scale = data<float>(kept.scale) + row,
                      .weight = data<float>(weight),
                      .dropout = kept.dropout,
                      .first_row = row,
                      .rows = count,
                      .width = width,
                      .residual_g = data<float>(back.exact) + at,
                      .y_g = data<T>(back.rounded) + at,
                      .bias_g = place,
                      .weight_g = place + width,
                      .shift_g = place + 2 * width});
    });
    for (int64_t i = 0; i < 3; ++i) gradients[i] = sums.narrow(0, i * width, width);
    return back;
  }

  /// f(sequence's number, step of one of its heads with all but its scratch, its first column, scratch) for each.
  template <typename F>
  void for_heads(const Kept& kept, bool last, F f) {
    RECORD_USER_SCOPE("nxm::attention");
    const int64_t heads = state_.options.heads, hidden = kept.context.size(1), head = hidden / heads;
    int64_t longest = 0;
    for (const Sequence& sequence : state_.sequences) longest = std::max(longest, sequence.tokens);
    const auto items = static_cast<int64_t>(state_.sequences.size()) * heads;
    at::parallel_for(0, items, 1, [&](int64_t begin, int64_t end) {
      AlignedVector<float> scratch(static_cast<size_t>(attention_step_scratch(longest, head)));
      for (int64_t item = begin; item < end; ++item) {
        const int64_t number = item / heads, at_head = item % heads, column = at_head * head;
        const Sequence& sequence = state_.sequences[static_cast<size_t>(number)];
        const int64_t query_row = last ? number : sequence.row;
        const auto bias = [&](Place place) { return data<float>(kept.parameters[place]) + column; };
        f(number,
          AttentionStep<T>{
              .q = data<T>(kept.q) + query_row * kept.q.stride(0) + column,
              .k = data<T>(kept.k) + sequence.row * kept.k.stride(0) + column,
              .v = data<T>(kept.v) + sequence.row * kept.v.stride(0) + column,
              .q_stride = kept.q.stride(0),
              .kv_stride = kept.k.stride(0),
              .q_bias = bias(kQueryBias),
              .k_bias = bias(kKeyBias),
              .v_bias = bias(kValueBias),
              .out = data<T>(kept.context) + query_row * hidden + column,
              .out_stride = hidden,
              .log_sum = data<float>(kept.log_sum) + at_head * rows(last) + query_row,
              .queries = last ? 1 : sequence.tokens,
              .tokens = sequence.tokens,
              .head = head,
              .dropout = kept.dropout,
              .first_index = sequence.first_index + static_cast<uint32_t>(at_head * sequence.tokens * sequence.tokens),
              .scratch = scratch.data()},
          query_row, column);
      }
    });
  }

  void attention(Kept& kept, int64_t layer, bool last) {
    kept.dropout = make_dropout(state_.options.attention_dropout, seed(layer, "attention"));
    kept.context = products_.matrix(rows(last), kept.q.size(1));
    kept.log_sum = at::empty({state_.options.heads, rows(last)}, at::kFloat);
    for_heads(kept, last, [&](int64_t /*number*/, const AttentionStep<T>& step, int64_t /*row*/, int64_t /*column*/) {
      ops_.attention(step);
    });
  }

  /// Returns the gradients of the three biases, end to end.
  at::Tensor attention_back(const Kept& kept, bool last, const at::Tensor& context_g, const at::Tensor& q_g,
                            const at::Tensor& k_g, const at::Tensor& v_g) {
    const int64_t hidden = context_g.size(1);
    const at::Tensor sums = at::zeros({static_cast<int64_t>(state_.sequences.size()), 3 * hidden}, at::kFloat);
    for_heads(kept, last, [&](int64_t number, const AttentionStep<T>& step, int64_t query_row, int64_t column) {
      float* place = data<float>(sums) + number * 3 * hidden + column;
      const int64_t row = state_.sequences[static_cast<size_t>(number)].row;
      ops_.attention_back({.step = step,
                           .g = data<T>(context_g) + query_row * hidden + column,
                           .q_g = data<T>(q_g) + query_row * q_g.stride(0) + column,
                           .k_g = data<T>(k_g) + row * k_g.stride(0) + column,
                           .v_g = data<T>(v_g) + row * v_g.stride(0) + column,
                           .q_bias_g = place,
                           .k_bias_g = place + hidden,
                           .v_bias_g = place + 2 * hidden});
    });
    return sums.sum(0);
  }

  State& state_;
  const TrainingOps<T>& ops_;
  const Products& products_;
};

template <typename T>
at::Tensor forward_all(State& state, const at::Tensor& x, at::TensorList parameters, bool keep) {
  Pass<T> pass(state);
  Rows rows{x, x};
  if (!std::is_same_v<T, float> || state.products->padded(x.size(0)) != x.size(0)) {
    rows.rounded = state.products->matrix(x.size(0), x.size(1));
    rows.rounded.narrow(0, 0, x.size(0)).copy_(x);
  }
  const size_t layers = parameters.size() / kPlaces;
  for (size_t i = 0; i < layers; ++i) {
    std::array<at::Tensor, kPlaces> own;
    for (size_t place = 0; place < kPlaces; ++place) own[place] = parameters[i * kPlaces + place].detach();
    rows = pass.forward(rows, std::move(own), state.eps[i], static_cast<int64_t>(i), i + 1 == layers, keep);
  }
  return rows.exact.narrow(0, 0, state.first.size(0));
}

/// The gradients of x and of all parameters.
template <typename T>
std::vector<at::Tensor> backward_all(State& state, const at::Tensor& g) {
  Pass<T> pass(state);
  const size_t layers = state.kept.size();
  std::vector<at::Tensor> gradients(1 + layers * kPlaces);
  RowsBack rows{g.contiguous(), {}};
  for (size_t i = layers; i-- > 0;) {
    rows = pass.backward(state.kept.back(), rows, i + 1 == layers, gradients.data() + 1 + i * kPlaces);
    state.kept.pop_back();
  }
  gradients[0] = rows.exact.add_(rows.rounded.narrow(0, 0, state.rows));
  return gradients;
}

struct Encode : torch::autograd::Function<Encode> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, at::TensorList parameters,
                            const c10::intrusive_ptr<State>& state) {
    context->saved_data["state"] = c10::IValue::make_capsule(state);
    return state->options.bf16 ? forward_all<uint16_t>(*state, x, parameters, true)
                               : forward_all<float>(*state, x, parameters, true);
  }

  static std::vector<at::Tensor> backward(torch::autograd::AutogradContext* context, const std::vector<at::Tensor>& g) {
    const auto state = c10::static_intrusive_pointer_cast<State>(context->saved_data["state"].toCapsule());
    require(!state->kept.empty(), "encode: went back once already");
    auto gradients = state->options.bf16 ? backward_all<uint16_t>(*state, g[0]) : backward_all<float>(*state, g[0]);
    gradients.emplace_back();  // of the state
    return gradients;
  }
};

}  // namespace

at::Tensor encode(const at::Tensor& x, const std::vector<BertLayer>& layers, const BertInput& input,
                  const EncoderOptions& options) {
  auto state = c10::make_intrusive<State>();
  state->options = options;
  state->first = input.first;
  state->rows = x.size(0);
  const int64_t unit = layers.empty() ? 1 : std::gcd(x.size(1), layers[0].intermediate.weight.size(0));
  state->products = make_products(options.bf16, unit);
  Sequence next{};
  for (const auto& run : input.runs) {
    next.tokens = run.length;
    for (int64_t i = 0; i < run.count; ++i) {
      state->sequences.push_back(next);
      next.row += run.length;
      next.first_index += static_cast<uint32_t>(options.heads * run.length * run.length);
    }
  }
  std::vector<at::Tensor> parameters;
  for (const BertLayer& layer : layers) {
    for (at::Tensor& parameter : parameters_of(layer)) parameters.push_back(std::move(parameter));
    state->eps.push_back(layer.output_norm.eps);
  }
  if (at::GradMode::is_enabled()) return Encode::apply(x.contiguous(), at::TensorList(parameters), state);
  return options.bf16 ? forward_all<uint16_t>(*state, x.contiguous(), parameters, false)
                      : forward_all<float>(*state, x.contiguous(), parameters, false);
}

}  // namespace nxm
