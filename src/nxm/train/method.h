// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a stage does to the sparsified layers while the model is fine-tuned. One file a method (method_<name>.cc), one
// table of names. The loop itself is finetune.h's.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "nxm/io/json_fields.h"
#include "nxm/recipe/recipe.h"
#include "nxm/train/bert.h"
#include "nxm/train/optimizer.h"

namespace nxm {

/// What a method sees of the stage it works in.
struct StageContext {
  const StageSpec& spec;
  std::vector<Slot*> layers;  ///< the sparsified weights, in the order of sparsified_names()
  int64_t steps = 0;          ///< of the whole stage
  int64_t steps_per_epoch = 0;
  ThreadPool& pool;
  /// Gram matrices of the layers' inputs over that many training rows, in the order of `layers`.
  std::function<std::vector<at::Tensor>(int64_t rows)> calibrate = {};
  Bert* model = nullptr;                             ///< for what is not in the layers' weights
  uint64_t seed = 0;                                 ///< the method's own
  std::function<void(const OrderedJson&)> log = {};  ///< a line of the run log, outside after_step()
};

class Method {
 public:
  virtual ~Method() = default;
  /// Before the first step: may set masks and targets of the layers' slots.
  virtual void begin(StageContext&) {}
  /// Around the forward and backward pass of a step: may put other weights in the model's place, and back.
  virtual void before_forward(StageContext&) {}
  virtual void before_update(StageContext&) {}
  /// The pull of step `step` (1 … steps).
  virtual AdamW::StepSize pull(const StageContext&, int64_t) const { return {}; }
  /// After step `step`: may renew targets. What it returns goes into the run log.
  virtual std::optional<OrderedJson> after_step(StageContext&, int64_t) { return std::nullopt; }
  /// Leaves the weights as the stage's result: in the pattern, if the method has one. Also called on a copy to score
  /// what the stage would give if it ended now; so it may change nothing but the weights.
  virtual void finish(StageContext&) {}
  /// Whether finish() has something to prune as things stand, so that the weights before and after are worth a score.
  [[nodiscard]] virtual bool prunes(const StageContext&) const { return false; }
  /// State that is not in the optimiser's slots, for checkpoints.
  virtual void save(TensorMap&) const {}
  virtual void load(StageContext&, const TensorMap&) {}
};

struct MethodEntry {
  std::string_view name;
  std::unique_ptr<Method> (*make)();
  bool sparse;  ///< the result holds the stage's pattern
};

std::span<const MethodEntry> method_table();
/// Throws UsageError with the nearest name.
const MethodEntry& find_method(std::string_view name);

std::unique_ptr<Method> make_dense();
std::unique_ptr<Method> make_permute();
std::unique_ptr<Method> make_oneshot();
std::unique_ptr<Method> make_asp();
std::unique_ptr<Method> make_admm();
std::unique_ptr<Method> make_admm_unstructured();
std::unique_ptr<Method> make_gradual();
std::unique_ptr<Method> make_sr_ste();
std::unique_ptr<Method> make_masked();

/// Steps before the mask is frozen: all but the share `settle`; at least 1.
int64_t moving_steps(const StageContext& context);

/// The first pruning, by the stage's criterion: magnitude; wanda, that is Pi in the norm of H's diagonal; alps, that is
/// reconstruct(). Sets the slots' masks too if `freeze`.
void prune_by_criterion(StageContext& context, bool freeze);

/// W <- Pi(W) for every layer; sets the slots' masks too if `freeze`.
void prune_by_magnitude(StageContext& context, bool freeze);

}  // namespace nxm
