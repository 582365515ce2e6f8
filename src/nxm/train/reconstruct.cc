// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/reconstruct.h"

#include "nxm/train/admm.h"

namespace nxm {
namespace {

constexpr double kDamping = 0.01;  // of the mean diagonal: enough to invert a Gram matrix of few rows
constexpr double kFirstRho = 0.1;  // of the unit diagonal: V starts near W
constexpr double kGrowth = 1.2;    // a step: in kSteps to 20, where V is Z
constexpr int kSteps = 30;
constexpr int kRefitSteps = 10;  // of conjugate gradients on a unit diagonal: 40 change the error by 0.02 %

// argmin over V on `mask` of tr((W - V) H (W - V)^T), all rows at once, from `v`.
at::Tensor refit(const at::Tensor& w, const at::Tensor& h, const at::Tensor& mask, at::Tensor v) {
  at::Tensor residual = (w - v).mm(h) * mask;
  at::Tensor direction = residual;
  at::Tensor size = residual.square().sum(1, /*keepdim=*/true);
  for (int i = 0; i < kRefitSteps; ++i) {
    const at::Tensor image = direction.mm(h) * mask;
    const at::Tensor curvature = (direction * image).sum(1, true);
    const at::Tensor step = at::where(curvature > 0, size / curvature.clamp_min(1e-30), 0);
    v = v + step * direction;
    residual = residual - step * image;
    const at::Tensor next = residual.square().sum(1, true);
    direction = residual + next / size.clamp_min(1e-30) * direction;
    size = next;
  }
  return v;
}

}  // namespace

at::Tensor reconstruct(const at::Tensor& weight, const at::Tensor& gram, const Pattern& pattern,
                       const std::string& name, ThreadPool& pool) {
  at::NoGradGuard no_gradient;
  at::Tensor h = gram.to(weight.device(), at::kDouble);
  const double mean = h.diagonal().mean().item<double>();
  h = h + at::eye(h.size(0), h.options()) * (mean > 0 ? kDamping * mean : 1);
  const at::Tensor scale = h.diagonal().sqrt();
  h = h / scale.view({-1, 1}) / scale;
  const auto [values, vectors] = at::linalg_eigh(h.to(at::kFloat), "L");  // rho keeps the small ones harmless
  const at::Tensor lambda = values.clamp_min(0), q = vectors;
  const at::Tensor q_t = q.t().contiguous();

  const at::Tensor w = weight.detach() * scale.to(at::kFloat);
  const at::Tensor w_lambda = w.mm(q) * lambda;
  double rho = kFirstRho;
  at::Tensor mask;
  at::Tensor z = project_tensor(w, pattern, name, pool, &mask);
  at::Tensor u = at::zeros_like(w);
  for (int i = 0; i < kSteps; ++i) {
    const at::Tensor v = ((w_lambda + rho * (z - u).mm(q)) / (lambda + rho)).mm(q_t);
    z = project_tensor(v + u, pattern, name, pool, &mask);
    u = (u + v - z) / kGrowth;  // the scaled dual is y / rho
    rho *= kGrowth;
  }
  const at::Tensor h32 = h.to(at::kFloat);
  z = refit(w, h32, mask.to(w.device(), at::kFloat), z);

  // Where inputs hardly hang together the plain projection can be better: the better of the two, row by row (the rows
  // that share a choice together).
  at::Tensor plain = project_tensor(w, pattern, name, pool, &mask);
  plain = refit(w, h32, mask.to(w.device(), at::kFloat), plain);
  const auto errors = [&](const at::Tensor& x) {
    const at::Tensor rows = ((w - x).mm(h32) * (w - x)).sum(1);
    return rows.view({-1, pattern.share}).sum(1, /*keepdim=*/true).expand({-1, pattern.share}).reshape({-1, 1});
  };
  return at::where(errors(plain) < errors(z), plain, z) / scale.to(at::kFloat);
}

double reconstruction_error(const at::Tensor& weight, const at::Tensor& pruned, const at::Tensor& gram) {
  const at::Tensor apart = (weight - pruned).to(at::kDouble);
  return (apart.mm(gram.to(at::kDouble)) * apart).sum().item<double>();
}

}  // namespace nxm
