// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/admm.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/core/projection.h"
#include "nxm/train/adamw_kernel.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

struct LayerStep {
  DualSums sums;
  int64_t moved = 0, moved_from_first = 0;  // of the mask's entries
  LayerStep& operator+=(const LayerStep& other) {
    sums += other.sums;
    moved += other.moved;
    moved_from_first += other.moved_from_first;
    return *this;
  }
};

// U <- U + W - Z, the sums that residuals are made of, and what moved of the mask.
LayerStep step_layer(const at::Tensor& w, const at::Tensor& z, const at::Tensor& mask, const AdmmLayer& layer,
                     ThreadPool& pool) {
  constexpr int64_t kStretch = 1 << 15;  // as in core/projection.cc
  std::vector<LayerStep> steps(static_cast<size_t>((w.numel() + kStretch - 1) / kStretch));
  const DualArrays all{w.const_data_ptr<float>(), z.const_data_ptr<float>(), layer.z.const_data_ptr<float>(),
                       layer.u.data_ptr<float>(), w.numel()};
  const auto* masks = mask.const_data_ptr<uint8_t>();
  const auto* before = layer.mask.const_data_ptr<uint8_t>();
  const auto* first = layer.first_mask.const_data_ptr<uint8_t>();
  pool.parallel_for(static_cast<int64_t>(steps.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = i * kStretch, size = std::min(kStretch, all.size - from);
      const auto moved_from = [&](const uint8_t* other) {
        return hamming_distance({masks + from, 1, size}, {other + from, 1, size});
      };
      steps[static_cast<size_t>(i)] = {
          dual_step({all.weight + from, all.z + from, all.z_before + from, all.u + from, size}), moved_from(before),
          moved_from(first)};
    }
  });
  LayerStep total;
  for (const LayerStep& part : steps) total += part;
  return total;
}

}  // namespace

at::Tensor project_tensor(const at::Tensor& w, const Pattern& pattern, const std::string& name, ThreadPool& pool,
                          at::Tensor* mask, const at::Tensor& importance) {
  if (importance.defined()) {
    at::Tensor chosen;
    project_tensor(w.detach() * importance.sqrt(), pattern, name, pool, &chosen);
    if (mask != nullptr) *mask = chosen;
    return w.detach() * chosen.to(w.device());
  }
  const at::Tensor from = w.detach().to(at::kCPU).contiguous();
  at::Tensor out = at::empty_like(from);
  MaskView mask_view{};
  if (mask != nullptr) {
    *mask = at::empty(from.sizes(), at::kByte);
    mask_view = {mask->data_ptr<uint8_t>(), from.size(0), from.size(1)};
  }
  project({from.const_data_ptr<float>(), from.size(0), from.size(1)}, pattern,
          {out.data_ptr<float>(), out.size(0), out.size(1)}, mask_view, name, &pool);
  return out.to(w.device());
}

at::Tensor project_unstructured(const at::Tensor& w, const Pattern& pattern, const std::string& name,
                                at::Tensor* mask) {
  at::NoGradGuard no_gradient;
  const at::Tensor size = w.detach().square().to(at::kCPU).view({-1});
  if (!at::isfinite(size).all().item<bool>()) {
    fail("projection", "layer '{}' holds a NaN or an infinity; nothing was pruned", name);
  }
  const int64_t keep = size.numel() * pattern.keep / pattern.of;
  // The smallest size that is kept, and as many of its equals as there is room for, from the first on.
  const at::Tensor limit = std::get<0>(at::topk(size, std::max<int64_t>(1, keep))).min();
  at::Tensor chosen = (size > limit).to(at::kByte);
  const at::Tensor equal = at::nonzero(size == limit).view({-1});
  const int64_t room = keep - chosen.sum().item<int64_t>();
  chosen.index_fill_(0, equal.narrow(0, 0, std::clamp<int64_t>(room, 0, equal.numel())), 1);
  chosen = chosen.view(w.sizes());
  if (mask != nullptr) *mask = chosen;
  return w.detach() * chosen.to(w.device());
}

at::Tensor project_layer(const AdmmLayer& layer, const at::Tensor& w, const Pattern& pattern, ThreadPool& pool,
                         at::Tensor* mask) {
  if (layer.unstructured) return project_unstructured(w, pattern, layer.name, mask);
  return project_tensor(w, pattern, layer.name, pool, mask);
}

void admm_start(AdmmLayer& layer, const Pattern& pattern, ThreadPool& pool) {
  at::NoGradGuard no_gradient;
  const at::Tensor w = on_cpu(layer.weight);
  layer.z = project_layer(layer, w, pattern, pool, &layer.mask);
  layer.u = w - layer.z;
  layer.first_mask = layer.mask;
}

AdmmReport admm_update(std::vector<AdmmLayer>& layers, const Pattern& pattern, double dual, ThreadPool& pool) {
  at::NoGradGuard no_gradient;
  LayerStep all;
  int64_t entries = 0;
  for (AdmmLayer& layer : layers) {
    const at::Tensor w = on_cpu(layer.weight);
    at::Tensor mask;
    const at::Tensor z = project_layer(layer, dual == 0 ? w : at::add(w, layer.u, dual), pattern, pool, &mask);
    all += step_layer(w, z, mask, layer, pool);
    entries += w.numel();
    layer.z = z;
    layer.mask = mask;
  }
  const DualSums& sums = all.sums;
  const double scale = sums.weight > 0 ? 1 / std::sqrt(sums.weight) : 0;
  const double share = entries > 0 ? 1 / static_cast<double>(entries) : 0;
  return {std::sqrt(sums.apart) * scale, std::sqrt(sums.step) * scale, sums.u > 0 ? std::sqrt(sums.step / sums.u) : 0,
          static_cast<double>(all.moved) * share, static_cast<double>(all.moved_from_first) * share};
}

double balance_rho(double rho, bool settle, const AdmmReport& report, std::vector<AdmmLayer>& layers) {
  constexpr double kApart = 10, kStep = 2, kSmall = 1e-4, kMost = 0x1p40;
  const double primal = report.primal, dual = report.dual_of_u;
  const bool up = primal > kSmall && (settle || primal > kApart * dual);
  const bool down = !settle && dual > std::max(kSmall, kApart * primal);
  if (!up && !down) return rho;
  if (up ? rho >= kMost : rho <= 1 / kMost) return rho;
  const double factor = up ? kStep : 1 / kStep;
  at::NoGradGuard no_gradient;
  for (AdmmLayer& layer : layers) layer.u.div_(factor);
  return rho * factor;
}

at::Tensor admm_target(const AdmmLayer& layer, double dual) {
  return dual == 0 ? layer.z : at::sub(layer.z, layer.u, dual);
}

}  // namespace nxm
