// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/finetune.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/data/check.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/hub.h"
#include "nxm/io/model_dir.h"
#include "nxm/train/distill.h"
#include "nxm/train/stage.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

// The base model's config with the task's head.
ModelConfig config_for(const ModelDir& base, const Task& task) {
  ModelConfig config = base.config();
  config.labels = task.kind == TaskKind::kRegression ? std::vector<std::string>{"score"} : task.labels;
  config.problem_type = task.kind == TaskKind::kRegression ? "regression" : "single_label_classification";
  config.finetuning_task = task.name;
  return config;
}

void check_fits(const Recipe& recipe, const ModelDir& base, const Tokenizer& tokenizer) {
  const ModelConfig& config = base.config();
  if (tokenizer.vocab_size() > config.vocab_size) {
    fail(base.folder().string(),
         "the tokenizer makes ids up to {}, but config.json says vocab_size {}: they do not belong together",
         tokenizer.vocab_size() - 1, config.vocab_size);
  }
  for (const StageSpec& stage : recipe.stages) {
    if (stage.max_length > config.max_position_embeddings) {
      fail_usage("recipe", "stage '{}': max_length {} is more than the model's {} positions", stage.name,
                 stage.max_length, config.max_position_embeddings);
    }
    if (!stage.teacher.empty() && std::ranges::count(recipe.stages, stage.teacher, &StageSpec::name) == 0) {
      check_teacher(stage, ModelDir(resolve_model(stage.teacher, HubOptions::from_environment())),
                    config_for(base, recipe.task), tokenizer);
    } else if (!stage.teacher.empty()) {
      layer_map(stage.layers, config.num_hidden_layers, config.num_hidden_layers,
                fmt::format("recipe: stage '{}'", stage.name));
    }
    if (!find_method(stage.method).sparse && stage.method != "permute") continue;
    for (const std::string& name : sparsified_names(config)) {
      const auto& shape = base.info(name).shape;
      stage.pattern.check_fits(name, shape.at(0), shape.at(1));
    }
  }
}

// At most `limit` rows, chosen by the seed, in their order.
void limit_rows(Examples& examples, int64_t limit, uint64_t seed) {
  const auto size = static_cast<int64_t>(examples.rows.size());
  if (limit <= 0 || limit >= size) return;
  std::vector<int64_t> chosen(examples.rows.size());
  std::iota(chosen.begin(), chosen.end(), 0);
  Rng rng(seed, "limit");
  shuffle(std::span(chosen), rng);
  chosen.resize(static_cast<size_t>(limit));
  std::ranges::sort(chosen);
  std::vector<Example> rows;
  rows.reserve(chosen.size());
  for (const int64_t i : chosen) rows.push_back(std::move(examples.rows[static_cast<size_t>(i)]));
  examples.rows = std::move(rows);
}

struct Splits {
  Dataset train, dev;
};

StageResult result_of(const Run& run, const RunState& state, const Scores& scores) {
  const StageSpec& spec = run.recipe.stages[static_cast<size_t>(state.stage)];
  StageResult result;
  result.index = state.stage;
  result.name = spec.name;
  result.method = spec.method;
  result.pattern = find_method(spec.method).sparse ? spec.pattern.str() : "";
  result.metrics = scores.metrics;
  result.score = scores.score;
  result.sparsity = sparsity_of(run.model);
  result.seconds = state.seconds;
  result.tokens_per_second = state.train_seconds > 0 ? static_cast<double>(state.tokens) / state.train_seconds : 0;
  result.bytes = static_cast<int64_t>(ModelDir(run.folder.stage(spec.name)).weight_bytes());
  return result;
}

void write_stage(const Run& run, const StageSpec& spec, const fs::path& folder, const fs::path& tokenizer_from,
                 const Tokenizer& tokenizer) {
  fs::remove_all(folder);  // what a run that was killed while it wrote this left behind
  ModelConfig config = run.model.config();
  if (find_method(spec.method).sparse) config.extra["nxm"] = {{"pattern", spec.pattern.str()}};
  save_model(run.model, config, folder, tokenizer_from);
  if (!fs::exists(folder / "tokenizer.json")) write_file(folder / "tokenizer.json", tokenizer.to_json());
}

// What a run says of itself when it is done: the model's card and all_results.json.
void write_results(const RunFolder& folder, const Recipe& recipe, const std::vector<StageResult>& results, size_t train,
                   size_t dev) {
  write_file(folder.model() / "README.md",
             model_card(folder.path().filename().string(), recipe.model, recipe.task.name, results, recipe.to_toml()));
  write_file(folder.results(),
             all_results_json(results, static_cast<int64_t>(train), static_cast<int64_t>(dev)).dump(2) + "\n");
}

FinetuneResult carry_out(const Recipe& recipe, const fs::path& out, const FinetuneOptions& options) {
  const auto say = [&](const std::string& line) {
    if (options.say) options.say(line);
  };
  // Everything that can be wrong with the inputs is found before the folder is touched.
  for (const StageSpec& stage : recipe.stages) find_method(stage.method);
  HubOptions hub = HubOptions::from_environment();
  hub.say = [&](std::string_view line) { say(std::string(line)); };
  const ModelDir base(resolve_model(recipe.model, hub));
  const Tokenizer tokenizer = Tokenizer::load(base.folder());
  check_fits(recipe, base, tokenizer);
  Examples train_rows = read_split(recipe.task, "train", recipe.data);
  Examples dev_rows = read_split(recipe.task, "dev", recipe.data);
  for (const Examples* rows : {&train_rows, &dev_rows}) {
    if (!rows->labelled) fail(rows->path.string(), "has no labels; training and its evaluation need them");
  }
  const auto max_length = static_cast<size_t>(std::ranges::max(recipe.stages, {}, &StageSpec::max_length).max_length);
  for (const std::string& line : warnings(check_data(recipe.task, recipe.data, tokenizer, max_length), max_length))
    say("warning: " + line);
  limit_rows(train_rows, recipe.limit, recipe.seed);

  const Compute compute = choose_compute(recipe.device, recipe.precision, recipe.threads);
  ThreadPool pool(compute.threads);
  Bert model(config_for(base, recipe.task), compute.device);
  load_weights(model, base, recipe.seed);
  const RunFolder folder(out, recipe, options.resume, options.force);
  const std::optional<RunState> saved = options.resume ? load_checkpoint(folder.path()) : std::nullopt;
  RunState state = saved.value_or(RunState{});
  FinetuneResult done;
  done.stages = state.results;
  if (state.stage >= static_cast<int64_t>(recipe.stages.size())) {
    done.model = folder.model();
    if (!fs::exists(done.model / kConfigFile)) {
      fail(done.model.string(),
           "this run is finished, but its model is gone. Copy it back, or train anew with --force");
    }
    if (!fs::exists(folder.results())) {
      write_results(folder, recipe, state.results, train_rows.rows.size(), dev_rows.rows.size());
    }
    say("nothing left to do: this run is finished");
    return done;
  }
  say(fmt::format("{}: {} train rows, {} dev rows; {}", recipe.task.name, train_rows.rows.size(), dev_rows.rows.size(),
                  describe(compute)));
  if (options.resume && !saved) say("no checkpoint here yet: starting at the first stage");
  if (saved) say(fmt::format("resumed at stage {} of {}, step {}", state.stage + 1, recipe.stages.size(), state.step));

  RunLog log(folder.path() / "run.jsonl", state.log_bytes);
  TensorBoardWriter board(folder.path() / "runs");
  Run run{recipe, folder, options, compute, pool, model, log, board};
  std::map<int64_t, Splits> splits;  // by max_length

  for (; state.stage < static_cast<int64_t>(recipe.stages.size()); ++state.stage) {
    const StageSpec& spec = recipe.stages[static_cast<size_t>(state.stage)];
    Splits& data = splits[spec.max_length];
    if (data.train.size() == 0) {
      data.train = tokenize(train_rows, tokenizer, static_cast<size_t>(spec.max_length), &pool);
      data.dev = tokenize(dev_rows, tokenizer, static_cast<size_t>(spec.max_length), &pool);
    }
    const auto made = spec.from.empty() ? load_weights(model, base, recipe.seed)
                                        : load_weights(model, ModelDir(folder.stage(spec.from)), recipe.seed);
    if (!made.empty() && state.step == 0)
      say(fmt::format("{}: new head, drawn by the seed: {} tensors", spec.name, made.size()));

    Scores scores;
    if (!train_stage(run, state, data.train, data.dev, scores)) {
      done.stages = state.results;
      done.interrupted = true;
      return done;
    }
    write_stage(run, spec, folder.stage(spec.name), base.folder(), tokenizer);
    state.results.push_back(result_of(run, state, scores));
    say(fmt::format("{}: score {:.4f}, {:.0f} % zeros, {}", spec.name, scores.score,
                    100 * state.results.back().sparsity, duration_text(state.seconds)));

    // The boundary: what the next stage needs is in stages/; the last one's checkpoint says that all is done.
    const bool last = state.stage + 1 == static_cast<int64_t>(recipe.stages.size());
    if (last) {
      write_stage(run, spec, folder.model(), base.folder(), tokenizer);
      write_results(folder, recipe, state.results, train_rows.rows.size(), dev_rows.rows.size());
    }
    log.sync();
    board.flush();
    RunState boundary;
    boundary.stage = state.stage + 1;
    boundary.log_bytes = log.bytes();
    boundary.results = state.results;
    save_checkpoint(folder.path(), boundary);
    boundary.stage = state.stage;
    state = std::move(boundary);
  }
  if (!recipe.keep_stages) fs::remove_all(folder.path() / "stages");
  done.stages = state.results;
  done.model = folder.model();
  return done;
}

}  // namespace

FinetuneResult finetune(const Recipe& recipe, const fs::path& out, const FinetuneOptions& options) {
  std::optional<Profile> profile;
  if (options.profile) profile.emplace();
  FinetuneResult result = carry_out(recipe, out, options);
  if (profile) result.profile = profile->rows();
  return result;
}

std::string default_compute() { return describe(choose_compute("auto", "auto", 0)); }

}  // namespace nxm
