// SPDX-License-Identifier: Apache-2.0
#pragma once
// AdamW with the pull of ADMM, clipping, weight decay and a mask in one pass over each parameter.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/train/bert.h"

namespace nxm {

/// Named tensors, as a checkpoint stores them.
using TensorMap = std::map<std::string, at::Tensor>;

/// What the optimiser keeps for a parameter.
struct Slot {
  Parameter parameter;
  at::Tensor first, second;  ///< moments m and v
  at::Tensor target;  ///< Z - dual*U, what the weight is pulled towards; undefined: no pull. A new tensor each time
  at::Tensor finite_target;  ///< the last target that was found finite
  at::Tensor mask;           ///< uint8, 0 = pruned for good; undefined: none
  at::Tensor touched;        ///< sparse gradients: uint8 per row, 1 once a batch has used it
};

/// The update of step t (t = 1, 2, …), with g the gradient of the task's loss:
///   g <- g + rho (W - T)                     where there is a target T
///   g <- g * min(1, clip / ||g||)            norm over all parameters together
///   m <- b1 m + (1-b1) g;  v <- b2 v + (1-b2) g^2
///   W <- (1 - lr*weight_decay) W - lr/(1-b1^t) * m / (sqrt(v/(1-b2^t)) + eps)
///   W <- W - pull (W - T)                    where there is a target
/// and where there is a mask, g and W are multiplied by it. Without target and mask this is PyTorch's AdamW.
/// Sparse gradients: rows that no batch has touched yet have m = v = 0, so they are passed over, exactly (with weight
/// decay they are visited).
/// Threads: LibTorch's; the result does not depend on their number.
class AdamW {
 public:
  struct Options {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
    double weight_decay = 0;
    double clip = 1;    ///< 0 = off
    bool fused = true;  ///< on the CPU by one loop (adamw_kernel.h); else, as on other devices, by tensor operations
  };
  struct StepSize {
    double lr = 0;
    double rho = 0;
    double pull = 0;
  };
  struct Report {
    double gradient_norm = 0;  ///< before clipping
    double penalty = 0;        ///< (rho/2) sum ||W - T||^2
  };

  AdamW(const std::vector<Parameter>& parameters, const Options& options);

  /// Uses up the parameters' gradients. Throws Error naming the first bad tensor if the norm is not finite; nothing is
  /// changed then.
  Report step(const StepSize& size);

  [[nodiscard]] Slot& slot(std::string_view name);
  [[nodiscard]] int64_t steps() const { return steps_; }

  void save(TensorMap& into) const;
  /// ContractError if a tensor is missing or has another shape.
  void load(const TensorMap& from, int64_t steps);

 private:
  Report step_on_cpu(const StepSize& size);
  Report step_by_tensor_ops(const StepSize& size);
  [[nodiscard]] double clip_scale(double norm) const;
  [[noreturn]] void reject_gradients();
  void check_targets();

  Options options_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

/// Peak-relative learning rate at step `done` of `total`: linear warm-up over `warmup` steps, then linear decay to 0 at
/// `total`, as transformers' get_linear_schedule_with_warmup.
double linear_schedule(int64_t done, int64_t total, int64_t warmup);

}  // namespace nxm
