// SPDX-License-Identifier: Apache-2.0
#pragma once
// ADMM's sparse side: the projected copy Z and the scaled dual U of each layer (docs/method.md). The W-step is the
// optimiser's business, which pulls W towards T = Z - dual*U.

#include <cstdint>
#include <string>
#include <vector>

#include "nxm/core/pattern.h"
#include "nxm/core/thread_pool.h"
#include "nxm/train/torch.h"

namespace nxm {

struct AdmmLayer {
  std::string name;
  at::Tensor weight;          ///< W (O, I), f32, shared with the model
  at::Tensor z, u;            ///< (O, I), on the CPU
  at::Tensor mask;            ///< uint8 (O, I) on the CPU: where Z may be non-zero
  at::Tensor first_mask;      ///< as it was at the start
  bool unstructured = false;  ///< Z keeps the pattern's share of the whole layer, wherever its weights are
};

/// What one Z- and U-step did, over all layers.
struct AdmmReport {
  double primal = 0;     ///< ||W - Z|| / ||W||
  double dual = 0;       ///< ||Z - Z_before|| / ||W||; times rho it is ADMM's dual residual
  double dual_of_u = 0;  ///< ||Z - Z_before|| / ||U||: the dual residual as a share of the dual variable, whatever rho
  double moved = 0;      ///< share of mask entries that changed
  double moved_from_first = 0;
};

/// Z = Pi(W), U = W - Z (U starts at 0 and takes one U-step). Throws Error naming the layer if W holds a NaN.
void admm_start(AdmmLayer& layer, const Pattern& pattern, ThreadPool& pool);

/// Z = Pi(W + dual*U), U <- U + W - Z, for every layer. `dual` 0 leaves the dual variable out: Z = Pi(W).
AdmmReport admm_update(std::vector<AdmmLayer>& layers, const Pattern& pattern, double dual, ThreadPool& pool);

/// The next rho by relative residual balancing: twice `rho` while the primal residual is over ten times the dual one
/// (dual_of_u), half of it in the opposite case, else the same. The set is no convex one, and a rho balanced so may let
/// ADMM circle between masks for ever: to `settle`, rho is doubled whatever the dual residual is. Residuals below 1e-4
/// are left alone. U is scaled so that rho*U stays as it is. (Boyd et al., Distributed Optimization and Statistical
/// Learning via ADMM, 2011, 3.4.1; relative after Wohlberg, arXiv 1704.06209, so that the loss's scale does not
/// matter.)
double balance_rho(double rho, bool settle, const AdmmReport& report, std::vector<AdmmLayer>& layers);

/// Z - dual*U, on the CPU.
at::Tensor admm_target(const AdmmLayer& layer, double dual);

/// Pi of a tensor on any device; writes the mask (uint8, CPU) if it is not null. With `importance` h (>= 0, w's shape)
/// it is the nearest sparse matrix in the norm sum h (w - z)^2: of each group the `keep` largest h w^2 are kept.
at::Tensor project_tensor(const at::Tensor& w, const Pattern& pattern, const std::string& name, ThreadPool& pool,
                          at::Tensor* mask = nullptr, const at::Tensor& importance = {});

/// The same without groups: of all weights the largest are kept, keep/of of them (rounded down).
at::Tensor project_unstructured(const at::Tensor& w, const Pattern& pattern, const std::string& name,
                                at::Tensor* mask = nullptr);

/// Pi of `w` as the layer is to be pruned.
at::Tensor project_layer(const AdmmLayer& layer, const at::Tensor& w, const Pattern& pattern, ThreadPool& pool,
                         at::Tensor* mask = nullptr);

}  // namespace nxm
