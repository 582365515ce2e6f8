// SPDX-License-Identifier: Apache-2.0
#pragma once
// A recipe: what a run does, read from TOML. Only the description; train/finetune.h carries it out.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/pattern.h"
#include "nxm/data/task.h"

namespace nxm {

/// One `[[stage]]`. Defaults of a key may depend on the method (docs/recipes.md); parse() fills them in, so every field
/// is what will be used.
struct StageSpec {
  std::string method;  ///< dense oneshot asp admm masked
  std::string name;    ///< default: the method, with -2, -3 if taken
  std::string from;    ///< stage whose result this one starts from; "" = the model itself. Default: the nearest `dense`
                       ///< stage above for methods that prune; the stage above for dense and masked
  double epochs = 3;   ///< may be fractional; 0 for oneshot
  double lr = 5e-5;    ///< peak learning rate
  int64_t batch = 32;  ///< sequences a step
  double warmup = 0;   ///< < 1: share of the stage's steps; >= 1: steps. Then linear decay to 0
  double weight_decay = 0;   ///< decoupled (AdamW); not on biases and LayerNorm
  double clip = 1;           ///< largest global gradient norm; 0 = off
  int64_t max_length = 128;  ///< tokens
  bool best = false;         ///< keep the epoch with the best dev score instead of the final weights
  // Distillation
  std::string teacher;          ///< a stage above, a model directory or a hub name; "" = none
  double alpha = 0.5;           ///< weight of the labels' loss; 1 - alpha is that of the teacher's logits
  double temperature = 2;       ///< of both softmaxes; classification only
  double hidden = 0;            ///< weight of the squared distance of hidden states
  double attention = 0;         ///< weight of the squared distance of attention scores
  std::vector<int64_t> layers;  ///< teacher's layer (from 1) for each of the student's; empty = evenly spaced
  // Sparsity (oneshot, asp, admm)
  Pattern pattern;
  std::string criterion = "magnitude";  ///< of the first mask: magnitude wanda alps (admm: by preset)
  int64_t calibration = 512;            ///< training rows that wanda and alps look at
  // ADMM
  std::string
      preset;  ///< "converge" (default: decoupled, annealed pull) or "paper" (method.md): sets the defaults below
  double rho = 1e-3;  ///< penalty weight of the pull through the gradient; 0 = none
  std::string
      rho_schedule;   ///< "constant", "linear" (0 -> rho over the stage) or "balanced" (from rho on, by the residuals)
  double pull = 0;    ///< sum over the stage of the decoupled pull p_t in W <- W - p_t (W - Z + dual*U); 0 = none
  double dual = 1;    ///< factor on U: 1 = ADMM, 0 = a pure proximal pull
  std::string every;  ///< "epoch", "N" steps, or a share of an epoch as "0.25 epoch"
  double settle = 0;  ///< share of the stage, at its end, in which the mask is frozen: < 1
  double lambda = 2e-4;  ///< sr-ste: decay of the weights that the forward pass leaves out
};

struct Recipe {
  uint64_t seed = 1;
  std::string precision = "auto";  ///< auto fp32 bf16
  std::string device = "auto";     ///< auto cpu cuda cuda:N
  int threads = 0;                 ///< 0 = what the machine allows
  int64_t checkpoint_every = 0;    ///< steps; 0 = at the end of each epoch
  bool keep_stages = false;
  std::string model;           ///< folder, or org/name on the hub
  Task task;                   ///< resolved, whether named or described
  bool custom_task = false;    ///< described in the recipe
  std::filesystem::path data;  ///< folder of the task's files
  int64_t limit = 0;           ///< at most this many training rows (a fixed, seeded choice); 0 = all
  std::vector<StageSpec> stages;

  /// Reads and checks everything that can be checked without the files it names. `overrides` are "key=value" with
  /// dotted keys (`stage.1.rho=4e-3` counts stages from 0; `stage.NAME.rho=…` works too). Relative paths are taken from
  /// the recipe's folder, those of overrides from the current one; "~/" is the home folder. A key that the stage's
  /// method has no use for is checked, and without effect. Throws UsageError: "file:line: unknown key 'learning_rate'
  /// in [[stage]] (did you mean 'lr'?)".
  static Recipe parse(std::string_view toml, const std::filesystem::path& file,
                      std::span<const std::string> overrides = {});
  static Recipe load(const std::filesystem::path& file, std::span<const std::string> overrides = {});

  /// The resolved recipe as TOML: every key, paths absolute; parse() of it gives the same recipe.
  [[nodiscard]] std::string to_toml() const;
};

/// One line for each key that differs: "stage.1.lr: 5e-05 -> 0.0001"; of a stage whose method differs or that only one
/// of the two has, the line of its method alone. `checkpoint_every` and `keep_stages` may differ:
/// they change what a run leaves on its way, not what it computes (`threads` may not: it changes bits).
std::vector<std::string> recipe_differences(const Recipe& before, const Recipe& now);

/// Steps that `every` means: "epoch", a share of one as "0.25 epoch", steps as "100"; at least 1. nullopt if nothing.
std::optional<int64_t> parse_interval(std::string_view every, int64_t steps_per_epoch);

/// A recipe with every key and a comment on each, for `nxm init`: of a known task, or ("" or "custom") of one that it
/// describes. Throws UsageError with the nearest name.
std::string commented_recipe(std::string_view task_name);

/// Tables of all keys and defaults in Markdown: the reference part of docs/recipes.md.
std::string key_reference();

}  // namespace nxm
