// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/stage.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <stdexcept>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/io/hub.h"
#include "nxm/train/calibrate.h"
#include "nxm/train/distill.h"
#include "nxm/train/evaluate.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

constexpr int64_t kLogEvery = 10;  // steps a line of run.jsonl: a smooth curve, a small file

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

uint64_t stage_seed(const Run& run, std::string_view use, int64_t stage) {
  return Rng(run.recipe.seed, use, static_cast<uint64_t>(stage)).next();
}

OrderedJson metrics_json(const Scores& scores) {
  OrderedJson json = OrderedJson::object();
  for (const auto& [name, value] : scores.metrics) json[name] = value;
  return json;
}

// Thrown out of an evaluation when the run is to stop.
struct Stopped {};

// The stage's moving parts and the scores it is judged by.
class StageLoop {
 public:
  StageLoop(Run& run, RunState& state, const Dataset& train, const Dataset& dev)
      : run_(run),
        state_(state),
        dev_(dev),
        spec_(run.recipe.stages[static_cast<size_t>(state.stage)]),
        entry_(find_method(spec_.method)),
        method_(entry_.make()),
        train_(train),
        sampler_(train, spec_.batch, stage_seed(run, "sampler", state.stage)),
        optimizer_(run.model.parameters(), {.weight_decay = spec_.weight_decay, .clip = spec_.clip}),
        context_{spec_, {}, 0, sampler_.batches(), run.pool} {
    for (const std::string& name : sparsified_names(run.model.config()))
      context_.layers.push_back(&optimizer_.slot(name));
    context_.calibrate = [this](int64_t rows) {
      const auto grams = gram_matrices(run_.model, train_, rows, run_.compute);
      std::vector<at::Tensor> list;
      for (const Slot* slot : context_.layers) list.push_back(grams.at(slot->parameter.tensor.unsafeGetTensorImpl()));
      return list;
    };
    context_.model = &run.model;
    context_.seed = stage_seed(run, "method", state.stage);
    context_.log = [this](const OrderedJson& line) { log_sparse(state_.step, line); };
    context_.steps = std::llround(std::ceil(spec_.epochs * static_cast<double>(context_.steps_per_epoch) - 1e-9));
    warmup_ = spec_.warmup < 1 ? std::llround(spec_.warmup * static_cast<double>(context_.steps))
                               : std::llround(spec_.warmup);
    if (!spec_.teacher.empty()) {
      teacher_.emplace(spec_, run.recipe.task, teacher_of(run.recipe, spec_, run.folder), run.model, train, run.compute,
                       run.teacher_logits);
    }
    const auto& weights = run.recipe.task.class_weights;
    if (!weights.empty()) {
      class_weights_ = at::tensor(std::vector<float>(weights.begin(), weights.end())).to(run.compute.device);
    }
  }

  bool train() {
    begin();
    const int64_t per_epoch = context_.steps_per_epoch;
    const std::string title = fmt::format("{} {}/{}", spec_.name, state_.stage + 1, run_.recipe.stages.size());
    Progress progress(title, context_.steps, run_.options.progress);
    std::vector<std::vector<int64_t>> order;
    // A checkpoint at an epoch's end is from before its evaluation.
    if (state_.step > 0 && state_.step % per_epoch == 0 && state_.step < context_.steps) {
      if (!judge_epoch(state_.step / per_epoch, progress)) return false;
    }
    for (int64_t step = state_.step + 1; step <= context_.steps; ++step) {
      const auto start = Clock::now();
      const int64_t epoch = (step - 1) / per_epoch, place = (step - 1) % per_epoch;
      if (place == 0 || order.empty()) order = sampler_.epoch(epoch);
      const double loss = train_step(step, order[static_cast<size_t>(place)]);
      {
        RECORD_USER_SCOPE("nxm::projection");
        if (auto report = method_->after_step(context_, step)) log_sparse(step, *report);
      }
      state_.step = step;
      state_.train_seconds += seconds_since(start);
      state_.seconds += seconds_since(start);
      progress.update(step, state_.tokens, loss);

      const bool epoch_end = place + 1 == per_epoch && step != context_.steps;
      const bool stop = run_.options.go_on && !run_.options.go_on(state_.stage, step);
      const int64_t every = run_.recipe.checkpoint_every;
      if (stop || (every > 0 ? step % every == 0 : epoch_end)) save();
      if (stop || (epoch_end && !judge_epoch(epoch + 1, progress))) return false;
    }
    progress.finish();
    return true;
  }

  // The last epoch's scores, and the weights as the stage's result. Nothing if the run is to stop.
  std::optional<Scores> finish() {
    Scores scores;
    const auto work = [&] {
      if (method_->prunes(context_)) log_scores(evaluate_now(), "dense");
      {
        RECORD_USER_SCOPE("nxm::projection");
        method_->finish(context_);
      }
      scores = evaluate_now();
    };
    if (!judge(work, /*keep=*/true)) return std::nullopt;
    if (spec_.best && scores.score < state_.best_score) {
      for (const Parameter& parameter : run_.model.parameters()) {
        parameter.tensor.detach().copy_(state_.tensors.at("best." + parameter.name));
      }
      RECORD_USER_SCOPE("nxm::evaluation");
      scores = evaluate(run_.model, dev_, run_.recipe.task, run_.compute);  // not to be left: the weights are replaced
    }
    log_scores(scores, "final");
    return scores;
  }

 private:
  void begin() {
    if (state_.step == 0) {
      at::Generator generator = dropout_generator(run_.compute);
      generator.set_current_seed(stage_seed(run_, "dropout", state_.stage));
      RECORD_USER_SCOPE("nxm::projection");
      const auto start = Clock::now();
      method_->begin(context_);  // which may look at the data, and for as long as some epochs take
      state_.seconds += seconds_since(start);
      return;
    }
    try {
      restore();
    } catch (const std::logic_error& error) {  // a file that lacks something is the world's fault, not a caller's
      fail(newest_checkpoint(run_.folder.path()),
           "is not a checkpoint of this stage: {}. Remove it, or start afresh with --force", error.what());
    }
  }

  void restore() {
    TensorMap& tensors = state_.tensors;
    for (const Parameter& parameter : run_.model.parameters()) {
      const auto found = tensors.find("weight." + parameter.name);
      require(found != tensors.end() && found->second.sizes() == parameter.tensor.sizes(),
              "checkpoint lacks " + parameter.name);
      parameter.tensor.detach().copy_(found->second);
    }
    optimizer_.load(tensors, state_.step);
    method_->load(context_, tensors);
    dropout_generator(run_.compute).set_state(tensors.at("generator"));
  }

  double train_step(int64_t step, const std::vector<int64_t>& examples) {
    const auto [batch, input] = [&] {
      RECORD_USER_SCOPE("nxm::data");
      Batch rows = make_batch(train_, examples);
      BertInput on_device = to_device(rows, run_.compute.device);
      return std::pair(std::move(rows), std::move(on_device));
    }();
    at::Tensor loss;
    method_->before_forward(context_);
    {
      AutocastScope autocast(run_.compute);
      BertTrace trace;
      const bool traced = teacher_ && teacher_->needs_trace();
      const at::Tensor logits = run_.model.forward(input, /*training=*/true, traced ? &trace : nullptr);
      loss = loss_of(logits, input.labels);
      if (teacher_) loss = teacher_->loss(loss, logits, trace, batch, input);
    }
    const double value = loss.item<double>();
    AdamW::Report report;
    AdamW::StepSize size = method_->pull(context_, step);
    size.lr = spec_.lr * linear_schedule(step - 1, context_.steps, warmup_);
    try {
      torch::autograd::backward({loss}, {});
      RECORD_USER_SCOPE("nxm::update");
      method_->before_update(context_);
      report = optimizer_.step(size);  // refuses gradients that are not finite, and names the first
      if (!std::isfinite(value)) fail("loss", "the task's loss is not finite, although all gradients are");
    } catch (const Error& error) {
      stop(step, fmt::format("{} (loss {})", error.what(), value));
    }
    state_.tokens += batch.tokens();
    state_.loss_sum += value;
    ++state_.loss_count;
    if (step % kLogEvery == 0 || step == context_.steps) log_step(step, size, report);
    return value;
  }

  at::Tensor loss_of(const at::Tensor& logits, const at::Tensor& labels) const {
    if (run_.recipe.task.kind == TaskKind::kRegression) return at::mse_loss(logits.squeeze(1), labels);
    return at::cross_entropy_loss(logits, labels.to(at::kLong), class_weights_);
  }

  // Numbers are no longer finite: says where, and what is safe.
  [[noreturn]] void stop(int64_t step, std::string_view what) const {
    fail(fmt::format("task {}, stage '{}', step {}", run_.recipe.task.name, spec_.name, step),
         "{}. Nothing was saved from this step; newest checkpoint: {}. Try a lower lr or clip", what,
         newest_checkpoint(run_.folder.path()));
  }

  Scores evaluate_now() const {
    RECORD_USER_SCOPE("nxm::evaluation");
    try {
      check_finite(run_.model.parameters(), "weights");
      return evaluate(run_.model, dev_, run_.recipe.task, run_.compute, [this](int64_t) {
        if (run_.options.leave_evaluation && run_.options.leave_evaluation()) throw Stopped{};
      });
    } catch (const Error& error) {
      stop(state_.step, error.what());
    }
  }

  // `work` evaluates, and may prune: what it pruned stays only if it is to `keep`. False if the run is to stop: a
  // checkpoint from before has been saved, and whoever resumes does it again.
  bool judge(const std::function<void()>& work, bool keep) {
    const auto start = Clock::now();
    const uint64_t log_bytes = run_.log.bytes();
    std::vector<at::Tensor> before;
    for (const Slot* slot : context_.layers) before.push_back(slot->parameter.tensor.detach().clone());
    bool done = true;
    try {
      work();
    } catch (const Stopped&) {
      done = false;
    }
    for (size_t i = 0; i < before.size() && !(done && keep); ++i) {
      context_.layers[i]->parameter.tensor.detach().copy_(before[i]);
    }
    state_.seconds += seconds_since(start);
    if (!done) save(log_bytes);
    return done;
  }

  // Scores at an epoch's end: of the weights as they are, and of what finish() would make of them.
  bool judge_epoch(int64_t epoch, Progress& progress) {
    std::string text;
    const auto work = [&] {
      const Scores as_they_are = evaluate_now();
      text = fmt::format("{} epoch {}: dev score {:.4f}", spec_.name, epoch, as_they_are.score);
      if (!method_->prunes(context_)) {
        log_scores(as_they_are, "dev");
        track_best(as_they_are);
        return;
      }
      log_scores(as_they_are, "dense");
      method_->finish(context_);
      const Scores pruned = evaluate_now();
      text += fmt::format(", pruned {:.4f}", pruned.score);
      log_scores(pruned, "pruned");
      track_best(pruned);
    };
    if (!judge(work, /*keep=*/false)) return false;
    progress.note(text);
    return true;
  }

  void track_best(const Scores& scores) {
    if (!spec_.best || scores.score <= state_.best_score) return;
    state_.best_score = scores.score;
    for (const Parameter& parameter : run_.model.parameters()) {
      state_.tensors["best." + parameter.name] = on_cpu(parameter.tensor).clone();
    }
  }

  void log_step(int64_t step, const AdamW::StepSize& size, const AdamW::Report& report) {
    const double loss = state_.loss_sum / static_cast<double>(state_.loss_count);
    state_.loss_sum = 0;
    state_.loss_count = 0;
    run_.log.write({{"kind", "step"},
                    {"stage", spec_.name},
                    {"step", step},
                    {"loss", loss},
                    {"penalty", report.penalty},
                    {"gradient_norm", report.gradient_norm},
                    {"lr", size.lr},
                    {"rho", size.rho},
                    {"pull", size.pull}});
    scalar("loss", loss, step);
    scalar("lr", size.lr, step);
    scalar("gradient_norm", report.gradient_norm, step);
  }

  void log_sparse(int64_t step, const OrderedJson& report) {
    OrderedJson line{{"kind", spec_.method}, {"stage", spec_.name}, {"step", step}};
    line.update(report);
    run_.log.write(line);
    for (const auto& [key, value] : report.items()) scalar(key, value.get<double>(), step);
  }

  void log_scores(const Scores& scores, const char* of) {
    const double epoch =
        context_.steps == 0 ? 0 : static_cast<double>(state_.step) / static_cast<double>(context_.steps_per_epoch);
    run_.log.write({{"kind", "score"},
                    {"stage", spec_.name},
                    {"step", state_.step},
                    {"epoch", epoch},
                    {"of", of},
                    {"metrics", metrics_json(scores)},
                    {"score", scores.score}});
    scalar(fmt::format("score_{}", of), scores.score, state_.step);
  }

  void scalar(std::string_view tag, double value, int64_t step) {
    run_.board.scalar(fmt::format("{}/{}", spec_.name, tag), value, step);
  }

  void save() { save(run_.log.bytes()); }

  // With so much of run.jsonl: what comes after it is written anew when the run is resumed.
  void save(uint64_t log_bytes) {
    RECORD_USER_SCOPE("nxm::saving");
    run_.log.sync();
    run_.board.flush();
    state_.log_bytes = log_bytes;
    for (const Parameter& parameter : run_.model.parameters())
      state_.tensors["weight." + parameter.name] = parameter.tensor.detach();
    optimizer_.save(state_.tensors);
    method_->save(state_.tensors);
    state_.tensors["generator"] = dropout_generator(run_.compute).get_state();
    std::vector<Parameter> numbers;
    for (const auto& [name, tensor] : state_.tensors) {
      if (tensor.is_floating_point()) numbers.push_back({name, tensor});
    }
    try {
      check_finite(numbers, "checkpoint");
    } catch (const Error& error) {
      stop(state_.step, error.what());
    }
    save_checkpoint(run_.folder.path(), state_);
  }

  Run& run_;
  RunState& state_;
  const Dataset& dev_;
  const StageSpec& spec_;
  const MethodEntry& entry_;
  std::unique_ptr<Method> method_;
  const Dataset& train_;
  Sampler sampler_;
  AdamW optimizer_;
  StageContext context_;
  std::optional<Teacher> teacher_;
  int64_t warmup_ = 0;
  at::Tensor class_weights_;
};

}  // namespace

ModelDir teacher_of(const Recipe& recipe, const StageSpec& stage, const RunFolder& folder) {
  const bool own = std::ranges::count(recipe.stages, stage.teacher, &StageSpec::name) > 0;
  return ModelDir(own ? folder.stage(stage.teacher) : resolve_model(stage.teacher, HubOptions::from_environment()));
}

bool train_stage(Run& run, RunState& state, const Dataset& train, const Dataset& dev, Scores& scores) {
  StageLoop loop(run, state, train, dev);
  if (!loop.train()) return false;
  const std::optional<Scores> result = loop.finish();
  if (result) scores = *result;
  return result.has_value();
}

double sparsity_of(const Bert& model) {
  int64_t zeros = 0, all = 0;
  for (const std::string& name : sparsified_names(model.config())) {
    const at::Tensor weight = model.parameter(name).tensor.detach();
    zeros += weight.numel() - at::count_nonzero(weight).item<int64_t>();
    all += weight.numel();
  }
  return all == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(all);
}

}  // namespace nxm
