// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/train/adamw_kernel.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

// Weights a thread takes at a time: a few L2 caches' worth of work, many more pieces than threads.
constexpr int64_t kStretch = 16384;

// A gradient ready to be used: rows of a sparse one are summed and in order.
struct Gradient {
  at::Tensor rows;    // (k) int64 on the CPU; undefined for a dense gradient
  at::Tensor values;  // (k, width), or the parameter's shape
};

Gradient gradient_of(const at::Tensor& gradient) {
  if (!gradient.is_sparse()) return {{}, gradient.contiguous()};
  const at::Tensor summed = gradient.coalesce();
  return {summed._indices()[0].contiguous(), summed._values().contiguous()};
}

template <typename T>
T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
}

void add_dense(const Slot& slot, const at::Tensor& gradient, std::vector<AdamWArrays>& pieces) {
  const AdamWArrays all{slot.parameter.tensor.data_ptr<float>(),
                        slot.first.data_ptr<float>(),
                        slot.second.data_ptr<float>(),
                        gradient.data_ptr<float>(),
                        data_or_null<float>(slot.target),
                        data_or_null<uint8_t>(slot.mask),
                        gradient.numel()};
  for (int64_t begin = 0; begin < all.size; begin += kStretch) {
    pieces.push_back({all.weight + begin, all.first + begin, all.second + begin, all.gradient + begin,
                      all.target ? all.target + begin : nullptr, all.mask ? all.mask + begin : nullptr,
                      std::min(kStretch, all.size - begin)});
  }
}

void add_rows(Slot& slot, const Gradient& gradient, bool all_rows, std::vector<AdamWArrays>& pieces) {
  const int64_t width = slot.parameter.tensor.size(1);
  const auto* rows = gradient.rows.const_data_ptr<int64_t>();
  const auto* values = gradient.values.const_data_ptr<float>();
  const int64_t count = gradient.rows.numel();
  auto* touched = slot.touched.data_ptr<uint8_t>();
  auto* weight = slot.parameter.tensor.data_ptr<float>();
  auto* first = slot.first.data_ptr<float>();
  auto* second = slot.second.data_ptr<float>();
  for (int64_t row = 0, next = 0; row < slot.parameter.tensor.size(0); ++row) {
    const float* g = nullptr;
    if (next < count && rows[next] == row) {
      touched[row] = 1;
      g = values + width * next++;
    }
    if (touched[row] == 0 && !all_rows) continue;
    const int64_t at = row * width;
    pieces.push_back({weight + at, first + at, second + at, g, nullptr, nullptr, width});
  }
}

}  // namespace

AdamW::AdamW(const std::vector<Parameter>& parameters, const Options& options) : options_(options) {
  for (const Parameter& parameter : parameters) {
    const at::Tensor like = parameter.tensor.detach();
    Slot slot{.parameter = parameter, .first = at::zeros_like(like), .second = at::zeros_like(like)};
    if (parameter.sparse_gradient) slot.touched = at::zeros({parameter.tensor.size(0)}, at::kByte);
    slots_.push_back(std::move(slot));
  }
}

Slot& AdamW::slot(std::string_view name) {
  const auto found = std::ranges::find_if(slots_, [&](const Slot& slot) { return slot.parameter.name == name; });
  require(found != slots_.end(), fmt::format("no parameter '{}'", name));
  return *found;
}

double AdamW::clip_scale(double norm) const {
  // The small term as in torch.nn.utils.clip_grad_norm_.
  return options_.clip > 0 ? std::min(1.0, options_.clip / (norm + 1e-6)) : 1.0;
}

void AdamW::reject_gradients() {
  check_targets();
  for (const Slot& slot : slots_) {
    at::Tensor gradient = slot.parameter.tensor.grad();
    if (!gradient.defined()) continue;
    if (gradient.is_sparse()) gradient = gradient._values();
    if (!all_finite(gradient)) {
      fail("optimizer", "the gradient of '{}' holds a NaN or an infinity", slot.parameter.name);
    }
  }
  fail("optimizer", "the gradient's norm overflows");
}

void AdamW::check_targets() {
  for (Slot& slot : slots_) {
    if (slot.target.is_same(slot.finite_target)) continue;
    if (slot.target.defined() && !all_finite(slot.target)) {
      fail("optimizer", "the ADMM target of '{}' holds a NaN or an infinity", slot.parameter.name);
    }
    slot.finite_target = slot.target;
  }
}

AdamW::Report AdamW::step(const StepSize& size) {
  at::NoGradGuard no_gradient;
  if (size.rho == 0) check_targets();  // else their sums tell
  const bool fused = options_.fused && (slots_.empty() || slots_.front().parameter.tensor.is_cpu());
  const Report report = fused ? step_on_cpu(size) : step_by_tensor_ops(size);
  for (Slot& slot : slots_) slot.parameter.tensor.mutable_grad().reset();
  return report;
}

AdamW::Report AdamW::step_on_cpu(const StepSize& size) {
  std::vector<AdamWArrays> pieces[2];  // of parameters without and with weight decay
  std::vector<Gradient> gradients;     // what the pieces point into
  for (Slot& slot : slots_) {
    if (!slot.parameter.tensor.grad().defined()) continue;
    const Gradient& gradient = gradients.emplace_back(gradient_of(slot.parameter.tensor.grad()));
    const bool decays = slot.parameter.decay && options_.weight_decay > 0;
    if (gradient.rows.defined()) {
      add_rows(slot, gradient, decays, pieces[decays]);
    } else {
      add_dense(slot, gradient.values, pieces[decays]);
    }
  }
  const auto for_each = [](const std::vector<AdamWArrays>& list, const auto& body) {
    at::parallel_for(0, static_cast<int64_t>(list.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) body(i);
    });
  };

  Report report;
  double squares = 0;
  for (const auto& list : pieces) {
    std::vector<AdamWSums> sums(list.size());
    for_each(list, [&](int64_t i) {
      AdamWArrays piece = list[i];
      if (size.rho == 0) piece.target = nullptr;  // does not count, and need not be read
      if (piece.gradient != nullptr) sums[i] = adamw_sums(static_cast<float>(size.rho), piece);
    });
    for (const AdamWSums& sum : sums) {
      squares += sum.gradient;
      report.penalty += 0.5 * size.rho * sum.distance;
    }
  }
  report.gradient_norm = std::sqrt(squares);
  if (!std::isfinite(report.gradient_norm)) reject_gradients();

  ++steps_;
  const double t = static_cast<double>(steps_);
  AdamWScalars scalars{};
  scalars.beta1 = static_cast<float>(options_.beta1);
  scalars.beta2 = static_cast<float>(options_.beta2);
  scalars.epsilon = static_cast<float>(options_.epsilon);
  scalars.step_size = static_cast<float>(size.lr / (1 - std::pow(options_.beta1, t)));
  scalars.second_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, t)));
  scalars.gradient_scale = static_cast<float>(clip_scale(report.gradient_norm));
  scalars.rho = static_cast<float>(size.rho);
  scalars.pull = static_cast<float>(size.pull);
  for (const bool decays : {false, true}) {
    scalars.decay = static_cast<float>(decays ? 1 - size.lr * options_.weight_decay : 1);
    const auto& list = pieces[decays];
    for_each(list, [&](int64_t i) { adamw_update(scalars, list[i]); });
  }
  return report;
}

// The same update, for devices that have no loop of their own.
AdamW::Report AdamW::step_by_tensor_ops(const StepSize& size) {
  Report report;
  std::vector<at::Tensor> gradients;
  double squares = 0;
  for (Slot& slot : slots_) {
    const at::Tensor& raw = slot.parameter.tensor.grad();
    at::Tensor& g = gradients.emplace_back(raw.defined() && raw.is_sparse() ? raw.to_dense() : raw);
    if (!g.defined()) continue;
    if (slot.target.defined()) {
      const at::Tensor apart = slot.parameter.tensor - slot.target;
      g = g + size.rho * apart;
      report.penalty += 0.5 * size.rho * apart.square().sum().item<double>();
    }
    if (slot.mask.defined()) g = g * slot.mask;
    squares += g.square().sum().item<double>();
  }
  report.gradient_norm = std::sqrt(squares);
  if (!std::isfinite(report.gradient_norm)) reject_gradients();

  ++steps_;
  const double t = static_cast<double>(steps_);
  const double second_scale = 1 / std::sqrt(1 - std::pow(options_.beta2, t));
  const double step_size = size.lr / (1 - std::pow(options_.beta1, t));
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (!gradients[i].defined()) continue;
    const Slot& slot = slots_[i];
    at::Tensor w = slot.parameter.tensor.detach();
    const at::Tensor g = gradients[i] * clip_scale(report.gradient_norm);
    slot.first.mul_(options_.beta1).add_(g, 1 - options_.beta1);
    slot.second.mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
    if (slot.parameter.decay) w.mul_(1 - size.lr * options_.weight_decay);
    w.addcdiv_(slot.first, (slot.second.sqrt() * second_scale).add_(options_.epsilon), -step_size);
    if (slot.target.defined()) w.sub_(w - slot.target, size.pull);
    if (slot.mask.defined()) w.mul_(slot.mask);
  }
  return report;
}

void AdamW::save(TensorMap& into) const {
  // What a slot no longer has must not live on in a map that a checkpoint filled.
  const auto put = [&](const std::string& key, const at::Tensor& tensor) {
    if (tensor.defined()) {
      into[key] = tensor;
    } else {
      into.erase(key);
    }
  };
  for (const Slot& slot : slots_) {
    const std::string& name = slot.parameter.name;
    put("first." + name, slot.first);
    put("second." + name, slot.second);
    put("target." + name, slot.target);
    put("mask." + name, slot.mask);
    put("touched." + name, slot.touched);
  }
}

void AdamW::load(const TensorMap& from, int64_t steps) {
  const auto restore = [&](const std::string& key, const at::Tensor& like, bool optional) -> at::Tensor {
    const auto found = from.find(key);
    if (found == from.end() && optional) return {};
    require(found != from.end() && found->second.sizes() == like.sizes(), "optimiser state does not fit: " + key);
    return found->second.to(like.device()).clone();
  };
  for (Slot& slot : slots_) {
    const std::string& name = slot.parameter.name;
    slot.first = restore("first." + name, slot.first, false);
    slot.second = restore("second." + name, slot.second, false);
    slot.target = restore("target." + name, slot.first, true);
    slot.mask = restore("mask." + name, slot.first, true);
    if (slot.touched.defined()) slot.touched = restore("touched." + name, slot.touched, false);
  }
  steps_ = steps;
}

double linear_schedule(int64_t done, int64_t total, int64_t warmup) {
  if (done < warmup) return static_cast<double>(done) / static_cast<double>(std::max<int64_t>(1, warmup));
  return std::max(0.0, static_cast<double>(total - done) / static_cast<double>(std::max<int64_t>(1, total - warmup)));
}

}  // namespace nxm
