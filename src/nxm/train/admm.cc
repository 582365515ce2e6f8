// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/admm.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/core/projection.h"

namespace nxm {
namespace {

ConstMaskView view_of(const at::Tensor& mask) { return {mask.const_data_ptr<uint8_t>(), mask.size(0), mask.size(1)}; }

double squared_norm(const at::Tensor& x) {
  const double norm = at::linalg_vector_norm(x, 2, std::nullopt, false, at::kDouble).item<double>();
  return norm * norm;
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
  layer.z = project_layer(layer, layer.weight, pattern, pool, &layer.mask);
  layer.u = layer.weight.detach() - layer.z;
  layer.first_mask = layer.mask;
}

AdmmReport admm_update(std::vector<AdmmLayer>& layers, const Pattern& pattern, double dual, ThreadPool& pool) {
  at::NoGradGuard no_gradient;
  double norm = 0, primal = 0, step = 0, u_norm = 0;
  int64_t entries = 0, moved = 0, moved_from_first = 0;
  for (AdmmLayer& layer : layers) {
    const at::Tensor w = layer.weight.detach();
    const at::Tensor z_before = layer.z, mask_before = layer.mask;
    layer.z = project_layer(layer, dual == 0 ? w : w + dual * layer.u, pattern, pool, &layer.mask);
    const at::Tensor apart = w - layer.z;
    layer.u.add_(apart);
    norm += squared_norm(w);
    primal += squared_norm(apart);
    step += squared_norm(layer.z - z_before);
    u_norm += squared_norm(layer.u);
    entries += w.numel();
    moved += hamming_distance(view_of(layer.mask), view_of(mask_before));
    moved_from_first += hamming_distance(view_of(layer.mask), view_of(layer.first_mask));
  }
  const double scale = norm > 0 ? 1 / std::sqrt(norm) : 0;
  const double share = entries > 0 ? 1 / static_cast<double>(entries) : 0;
  return {std::sqrt(primal) * scale, std::sqrt(step) * scale, u_norm > 0 ? std::sqrt(step / u_norm) : 0,
          static_cast<double>(moved) * share, static_cast<double>(moved_from_first) * share};
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

at::Tensor admm_target(const AdmmLayer& layer, double dual) { return dual == 0 ? layer.z : layer.z - dual * layer.u; }

}  // namespace nxm
