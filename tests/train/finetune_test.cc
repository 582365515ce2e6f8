// SPDX-License-Identifier: Apache-2.0
// Whole runs of a tiny model: results that hold their pattern on disk, resuming to the same bytes, and what must be
// refused.
#include "nxm/train/finetune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/core/rng.h"
#include "nxm/data/reader.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/model_dir.h"
#include "nxm/io/safetensors.h"
#include "nxm/train/checkpoint.h"
#include "nxm/train/classifier.h"
#include "nxm/train/weights.h"
#include "train/finetune_support.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

// Every file below a run folder that must not depend on when the run was stopped.
std::map<std::string, std::string> contents(const fs::path& run) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    const std::string name = fs::relative(entry.path(), run).string();
    // Times of day and seconds taken are what may differ: TensorBoard, results, the card, checkpoints' state.json and
    // its hash.
    const bool timed = name.starts_with("runs") || name == "all_results.json" || name.ends_with("README.md") ||
                       name.ends_with("state.json") || name.ends_with("SHA256SUMS");
    if (entry.is_regular_file() && !timed) files[name] = sha256_of_file(entry.path());
  }
  return files;
}

TEST_F(FinetuneTest, EverySparseStageHoldsItsPatternOnDisk) {
  for (const char* pattern : {"2:4", "1:4", "4:8", "2:4x2"}) {
    const Recipe r =
        recipe("", {"stage.oneshot.pattern=" + std::string(pattern), "stage.asp.pattern=" + std::string(pattern),
                    "stage.admm.pattern=" + std::string(pattern), "stage.masked.pattern=" + std::string(pattern)});
    const FinetuneResult result = finetune(r, out(std::string("run-") + pattern), {});
    ASSERT_EQ(result.stages.size(), 5U);
    EXPECT_EQ(result.stages[0].sparsity, 0);
    for (size_t i = 1; i < 5; ++i) {
      const ModelDir stage(out(std::string("run-") + pattern) / "stages" / result.stages[i].name);
      for (const std::string& name : sparsified_names(stage.config())) {
        const auto shape = stage.info(name).shape;
        std::vector<float> weight(static_cast<size_t>(shape[0] * shape[1]));
        stage.read_f32(name, weight);
        const PatternReport report = check_pattern({weight.data(), shape[0], shape[1]}, Pattern::parse(pattern));
        EXPECT_TRUE(report.valid()) << result.stages[i].name << " " << name;
        EXPECT_GT(report.non_zero, 0) << name;
      }
      EXPECT_NEAR(result.stages[i].sparsity, 1 - Pattern::parse(pattern).density(), 0.02);
    }
  }
}

TEST_F(FinetuneTest, AFrozenMaskStaysThatOfTheStageItCameFrom) {
  finetune(recipe("", {"stage.asp.lr=1e-2", "stage.masked.lr=1e-2"}), out("run"), {});
  // asp's mask is that of the dense weights by magnitude, as oneshot's; masked has ADMM's.
  for (const auto& [before, after] : {std::pair("oneshot", "asp"), std::pair("admm", "masked")}) {
    const ModelDir first(out("run") / "stages" / before), then(out("run") / "stages" / after);
    int64_t kept = 0, zero = 0;
    for (const std::string& name : sparsified_names(first.config())) {
      std::vector<float> a(static_cast<size_t>(first.info(name).elements())), b(a.size());
      first.read_f32(name, a);
      then.read_f32(name, b);
      for (size_t i = 0; i < a.size(); ++i) {
        ASSERT_TRUE(a[i] != 0 || b[i] == 0) << after << " " << name << " " << i;
        kept += a[i] != 0;
        zero += a[i] != 0 && b[i] == 0;
      }
    }
    EXPECT_EQ(zero, 0) << after << ", of " << kept;
  }
}

TEST_F(FinetuneTest, RhoGrowsLinearlyWhereItIsAskedTo) {
  finetune(recipe("", {"stage.admm.preset=paper", "stage.admm.rho=0.5", "stage.admm.rho_schedule=linear",
                       "stage.admm.epochs=6", "stage.admm.batch=8"}),
           out("run"), {});
  std::istringstream log(read_file(out("run") / "run.jsonl"));
  std::vector<std::pair<double, double>> seen;
  for (std::string line; std::getline(log, line);) {
    const Json entry = parse_json(line, "run.jsonl");
    if (entry.at("kind") == "step" && entry.at("stage") == "admm") seen.emplace_back(entry.at("step"), entry.at("rho"));
  }
  ASSERT_GT(seen.size(), 2U);
  const double steps = seen.back().first / seen.back().second * 0.5;
  EXPECT_GE(steps, seen.back().first);
  EXPECT_NEAR(steps, std::round(steps), 1e-3);
  for (const auto& [step, rho] : seen) EXPECT_NEAR(rho, 0.5 * step / steps, 1e-6) << step;
}

TEST_F(FinetuneTest, PermuteKeepsWhatTheModelComputesAndMoreOfItsWeights) {
  for (const char* criterion : {"magnitude", "wanda"}) {
    for (const char* pattern : {"2:4", "1:4", "2:4x2"}) {
      SCOPED_TRACE(std::string(criterion) + " " + pattern);
      const auto stage = [&](const char* method) {
        return fmt::format("[[stage]]\nmethod = \"{}\"\npattern = \"{}\"\n", method, pattern);
      };
      const std::string all = test::tiny_recipe();
      const std::string text = all.substr(0, all.find("[[stage]]")) + "[[stage]]\nmethod = \"dense\"\nepochs = 1\n" +
                               stage("permute") + fmt::format("criterion = \"{}\"\n", criterion) + stage("oneshot");
      const fs::path run = out("run");
      const Recipe r = Recipe::parse(text, folder.path / "recipe.toml");
      const FinetuneResult result = finetune(r, run, {.force = true});
      EXPECT_EQ(result.stages[1].score, result.stages[0].score);
      EXPECT_EQ(result.stages[1].sparsity, 0);
      EXPECT_EQ(result.stages[1].pattern, "");

      const ModelDir before(run / "stages" / "dense"), after(run / "stages" / "permute");
      for (const std::string& name : before.names()) {
        std::vector<float> then(static_cast<size_t>(before.info(name).elements())), now = then;
        before.read_f32(name, then);
        after.read_f32(name, now);
        const bool moved = then != now;
        EXPECT_TRUE(std::is_permutation(then.begin(), then.end(), now.begin())) << name;
        if (name.find("layer") == name.npos || name.find("LayerNorm") != name.npos) {
          EXPECT_FALSE(moved) << name;
        }
        if (name.ends_with("output.dense.weight")) {
          EXPECT_TRUE(moved) << name;
        }
        if (name.find("query.weight") != name.npos) {
          EXPECT_EQ(moved, pattern == std::string_view("2:4x2")) << name;
        }
      }
      const Dataset dev = tokenize(read_split(r.task, "dev", r.data), Tokenizer::load(r.model), 128);
      const auto a = Classifier::load(run / "stages" / "dense", "cpu", "fp32", 1).logits(dev, 8);
      const auto b = Classifier::load(run / "stages" / "permute", "cpu", "fp32", 1).logits(dev, 8);
      for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5);

      const std::string log = read_file(run / "run.jsonl");
      const size_t line = log.find(R"({"kind":"permute")");
      ASSERT_NE(line, log.npos);
      const Json report = parse_json(log.substr(line, log.find('\n', line) - line), "run.jsonl");
      EXPECT_GT(report["kept_after"].get<double>(), report["kept_before"].get<double>());
    }
  }
}

TEST_F(FinetuneTest, ProfileAddsUpToTheTimeOfTheRun) {
  const auto start = std::chrono::steady_clock::now();
  const FinetuneResult result = finetune(recipe(), out("run"), {.profile = true});
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  double all = 0;
  std::map<std::string_view, double> parts;
  for (const ProfileRow& row : result.profile) {
    EXPECT_GE(row.seconds, 0) << row.part;
    all += row.seconds;
    parts[row.part] = row.seconds;
  }
  EXPECT_NEAR(all, seconds, 0.05 * seconds + 0.01);
  for (const char* part : {"data: batches", "matrix products", "attention", "embeddings",
                           "update: clipping, AdamW, pull", "projection and method", "evaluation", "saving"}) {
    EXPECT_GT(parts[part], 0) << part;
  }
  EXPECT_TRUE(finetune(recipe(), out("plain"), {}).profile.empty());
}

TEST_F(FinetuneTest, LearnsATaskOfOneWord) {
  test::write_tiny_model_and_task(folder.path, /*train_rows=*/400);
  const Recipe r = recipe("", {"stage.dense.epochs=10", "stage.dense.lr=2e-3"});
  const FinetuneResult result = finetune(r, out("run"), {});
  EXPECT_GT(result.stages[0].score, 0.9) << read_file(out("run") / "run.jsonl");
}

TEST_F(FinetuneTest, StoppedAnywhereAndResumedGivesTheSameBytes) {
  for (const char* precision : {"precision = \"fp32\"", "precision = \"bf16\""}) {
    SCOPED_TRACE(precision);
    const Recipe r = recipe(precision);
    const fs::path straight = out("straight"), stopped = out("stopped"), once = out("once");
    for (const auto& run : {straight, stopped, once}) fs::remove_all(run);
    finetune(r, straight, {});

    // Stop after every single step.
    int runs = 0;
    for (;; ++runs) {
      ASSERT_LT(runs, 100);
      FinetuneOptions options;
      options.resume = runs > 0;
      options.go_on = [](int64_t, int64_t) { return false; };
      if (!finetune(r, stopped, options).interrupted) break;
    }
    EXPECT_EQ(runs, 48);  // 8 steps an epoch, 6 epochs over the stages that train
    EXPECT_EQ(contents(straight), contents(stopped));

    // In the middle of ADMM the whole state (moments, Z, U, masks, generator) is alike too.
    const auto stop_at_admm = [](int64_t stage, int64_t step) { return stage != 3 || step != 7; };
    finetune(r, once, {.go_on = stop_at_admm});
    const auto state = load_checkpoint(once);
    ASSERT_TRUE(state.has_value());
    EXPECT_EQ(state->stage, 3);
    EXPECT_EQ(state->step, 7);
    const fs::path again = out("again");
    fs::remove_all(again);
    for (bool resume = false;; resume = true) {
      FinetuneOptions options;
      options.resume = resume;
      int steps = 0;
      options.go_on = [&](int64_t stage, int64_t step) { return ++steps < 5 && stop_at_admm(stage, step); };
      finetune(r, again, options);
      const auto reached = load_checkpoint(again);
      if (reached->stage == 3 && reached->step == 7) break;
    }
    EXPECT_EQ(contents(once), contents(again));
    std::set<std::string> kinds;
    for (const auto& entry : state->tensors) kinds.insert(entry.first.substr(0, entry.first.find('.')));
    EXPECT_EQ(kinds, (std::set<std::string>{"first", "first_mask", "generator", "rho_factor", "second", "target",
                                            "touched", "u", "weight", "z", "z_mask"}));
  }
}

TEST_F(FinetuneTest, MethodsWithStateOfTheirOwnResumeToTheSameBytes) {
  const std::string dense = test::tiny_recipe();
  const Recipe r = Recipe::parse(dense.substr(0, dense.find("[[stage]]")) + R"(
[[stage]]
method = "dense"
epochs = 1
batch = 8
[[stage]]
method = "gradual"
epochs = 1
batch = 8
every = "2"
[[stage]]
method = "sr-ste"
epochs = 1
batch = 8
[[stage]]
method = "admm"
epochs = 1
batch = 8
every = "2"
settle = 0.5
criterion = "alps"
calibration = 20
teacher = "dense"
hidden = 1
attention = 0.1
)",
                                 folder.path / "recipe.toml", {});
  const FinetuneResult straight = finetune(r, out("straight"), {});
  for (const StageResult& stage : straight.stages) {
    EXPECT_NEAR(stage.sparsity, stage.method == "dense" ? 0 : 0.5, 0.02) << stage.name;
  }
  for (bool resume = false;; resume = true) {
    FinetuneOptions options;
    options.resume = resume;
    options.go_on = [](int64_t, int64_t) { return false; };
    if (!finetune(r, out("stopped"), options).interrupted) break;
  }
  EXPECT_EQ(contents(out("straight")), contents(out("stopped")));
}

TEST_F(FinetuneTest, StoppedInAnyEvaluationAndResumedGivesTheSameBytes) {
  for (const char* every : {"checkpoint_every = 3", ""}) {
    const Recipe r = recipe(every, {"stage.dense.best=true"});
    const std::string name = every;
    finetune(r, out("straight" + name), {});
    Rng rng(1, "stops");
    int stops = 0;
    for (bool resume = false;; resume = true) {
      FinetuneOptions options;
      options.resume = resume;
      options.leave_evaluation = [&] { return rng.below(2) == 1; };
      if (!finetune(r, out("stopped" + name), options).interrupted) break;
      ASSERT_LT(++stops, 100);
    }
    EXPECT_GE(stops, 7);
    EXPECT_EQ(contents(out("straight" + name)), contents(out("stopped" + name)));
  }
}

TEST_F(FinetuneTest, TeachersThatDoNotFitAreRefusedBeforeTheRunFolderIsTouched) {
  finetune(recipe(), out("run"), {});
  const fs::path teacher = out("run") / "model";
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> set{"stage.asp.teacher=" + teacher.string()};
    set.insert(set.end(), more.begin(), more.end());
    return message_of([&] { finetune(recipe("", set), out("new"), {}); });
  };
  const std::string config = read_file(teacher / "config.json"), vocab = read_file(teacher / "vocab.txt");
  const auto expect = [&](const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;
    EXPECT_FALSE(fs::exists(out("new"))) << text;
  };
  expect(with({"task.labels=[\"no\", \"maybe\"]"}), {"teacher of stage 'asp'", "[no, yes]", "[no, maybe]"});
  expect(with({"stage.asp.layers=[1]"}), {"stage 'asp'", "one for each of the student's 2"});
  expect(with({"stage.asp.layers=[1, 3]"}), {"layer 3", "1 to 2"});
  std::string other = vocab;
  other.replace(other.find("good"), 4, "evil");
  write_file(teacher / "vocab.txt", other);
  if (fs::exists(teacher / "tokenizer.json")) fs::remove(teacher / "tokenizer.json");
  expect(with({}), {"token 5 is 'evil'", "'good'"});
  expect(message_of([&] { finetune(recipe("", {"stage.asp.teacher=nowhere"}), out("new"), {}); }), {"nowhere"});
  // A stage below may not teach one above.
  expect(message_of([&] { finetune(recipe("", {"stage.asp.teacher=masked"}), out("new"), {}); }),
         {"stage 'asp' learns from stage 'masked', which is not above it"});
}

TEST_F(FinetuneTest, ATeacherChangesWhatIsLearnt) {
  const FinetuneResult alone = finetune(recipe(), out("alone"), {});
  const FinetuneResult taught =
      finetune(recipe("", {"stage.asp.teacher=dense", "stage.asp.alpha=0"}), out("taught"), {});
  EXPECT_EQ(alone.stages[0].score, taught.stages[0].score);
  EXPECT_NE(sha256_of_file(out("alone") / "stages/asp/model.safetensors"),
            sha256_of_file(out("taught") / "stages/asp/model.safetensors"));
  // alpha = 1 and no other loss is training without a teacher, to the bit.
  finetune(recipe("", {"stage.asp.teacher=dense", "stage.asp.alpha=1"}), out("idle"), {});
  EXPECT_EQ(sha256_of_file(out("alone") / "stages/asp/model.safetensors"),
            sha256_of_file(out("idle") / "stages/asp/model.safetensors"));
}

TEST_F(FinetuneTest, FinishedRunIsNotRunAgain) {
  const Recipe r = recipe();
  const FinetuneResult first = finetune(r, out("run"), {});
  const FinetuneResult again =
      finetune(r, out("run"),
               {.resume = true, .go_on = [](int64_t, int64_t) -> bool { throw std::logic_error("a step was made"); }});
  ASSERT_EQ(again.stages.size(), first.stages.size());
  EXPECT_EQ(again.model, first.model);
  EXPECT_EQ(again.stages.back().metrics, first.stages.back().metrics);
}

TEST_F(FinetuneTest, BestKeepsTheBestEpoch) {
  const FinetuneResult result = finetune(recipe("", {"stage.dense.best=true", "stage.dense.epochs=4"}), out("run"), {});
  double best = 0;
  const std::string log = read_file(out("run") / "run.jsonl");
  for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1) {
    const Json line = Json::parse(log.substr(at, log.find('\n', at) - at));
    if (line["kind"] == "score" && line["stage"] == "dense") best = std::max(best, line["score"].get<double>());
  }
  EXPECT_EQ(result.stages[0].score, best);
}

TEST_F(FinetuneTest, AnotherRunsFolderIsRefusedAndKept) {
  const Recipe r = recipe();
  finetune(r, out("run"), {});
  const auto before = contents(out("run"));
  EXPECT_NE(message_of([&] { finetune(r, out("run"), {}); }).find("--resume"), std::string::npos);
  EXPECT_EQ(contents(out("run")), before);
  const Recipe changed = recipe("", {"stage.admm.lr=2e-3"});
  const std::string text = message_of([&] { finetune(changed, out("run"), {.resume = true}); });
  EXPECT_NE(text.find("lr"), std::string::npos) << text;
  EXPECT_EQ(contents(out("run")), before);
  fs::create_directories(out("mine"));
  write_file(out("mine") / "thesis.txt", "years of work");
  EXPECT_NE(message_of([&] { finetune(r, out("mine"), {.force = true}); }).find("not a run's"), std::string::npos);
  EXPECT_EQ(read_file(out("mine") / "thesis.txt"), "years of work");
  EXPECT_NE(message_of([&] { finetune(r, folder.path / "model" / "run", {}); }).find("inside the model"),
            std::string::npos);
  EXPECT_NE(message_of([&] { finetune(r, folder.path / "train.tsv", {}); }).find("file"), std::string::npos);
  finetune(changed, out("run"), {.force = true});
}

// A recipe.toml makes no run: it may be somebody's own, beside a model, data and plots of theirs.
TEST_F(FinetuneTest, ForceLeavesAForeignRecipesFolderAlone) {
  const Recipe r = recipe();
  const std::string resolved = r.to_toml();
  for (const std::string& text : {std::string("[tool]\nname = \"other\"\n"), "# mine\n" + resolved, resolved}) {
    const fs::path mine = out("mine");
    fs::remove_all(mine);
    for (const char* name : {"model", "runs", "stages", "checkpoints"}) {
      fs::create_directories(mine / name);
      write_file(mine / name / "thesis.txt", "years of work");
    }
    write_file(mine / "recipe.toml", text);
    write_file(mine / "run.jsonl", "{}");
    write_file(mine / "draft.tmp", "x");
    const auto all = [&] {
      std::map<std::string, std::string> files;
      for (const auto& entry : fs::recursive_directory_iterator(mine)) {
        files[entry.path().string()] = entry.is_directory() ? "" : read_file(entry.path());
      }
      return files;
    };
    const auto before = all();
    for (const bool force : {true, false, true}) {  // twice: a refusal leaves nothing that would be taken for a run
      EXPECT_NE(message_of([&] { finetune(r, mine, {.force = force}); }).find("files that are not a run's"),
                std::string::npos);
      EXPECT_EQ(all(), before);
    }
  }
}

TEST_F(FinetuneTest, ForceReplacesTheRunAndNothingElse) {
  const Recipe r = recipe("", {"stage.dense.epochs=1"});
  finetune(r, out("run"), {});
  const auto before = contents(out("run"));
  write_file(out("run") / "notes.txt", "mine");
  write_file(out("run") / "draft.tmp", "mine");
  write_file(out("run") / "model" / "recipe.tmp", "of the old model's folder");
  write_file(out("run") / "run.jsonl.1.2.tmp", "cut short");
  finetune(r, out("run"), {.force = true});
  EXPECT_EQ(read_file(out("run") / "notes.txt"), "mine");
  EXPECT_EQ(read_file(out("run") / "draft.tmp"), "mine");
  EXPECT_FALSE(fs::exists(out("run") / "run.jsonl.1.2.tmp"));
  fs::remove(out("run") / "notes.txt");
  fs::remove(out("run") / "draft.tmp");
  EXPECT_EQ(contents(out("run")), before);

  // Killed while it was beginning: nothing of value, and a run's.
  fs::create_directories(out("begun"));
  for (const char* name : {".lock", "recipe.toml.1.0.tmp"}) write_file(out("begun") / name, "");
  finetune(r, out("begun"), {});
  EXPECT_EQ(contents(out("begun")), before);
}

TEST_F(FinetuneTest, ForceNeverRemovesTheModelToBeginWith) {
  finetune(recipe(), out("run"), {});
  const auto before = contents(out("run"));
  const Recipe r = recipe("", {"model.path=" + (out("run") / "model").string()});
  EXPECT_NE(message_of([&] { finetune(r, out("run"), {.force = true}); }).find("--force would remove"),
            std::string::npos);
  EXPECT_EQ(contents(out("run")), before);
}

// A model that cannot be trained costs neither an empty run folder nor, with --force, the run before.
TEST_F(FinetuneTest, BrokenModelsAreRefusedBeforeTheRunFolderIsTouched) {
  finetune(recipe(), out("run"), {});
  const auto before = contents(out("run"));
  const fs::path model = folder.path / "model", good = folder.path / "good";
  fs::copy(model, good);
  const auto config = [&](const char* key, int64_t value) {
    Json json = Json::parse(read_file(model / "config.json"));
    json[key] = value;
    write_file(model / "config.json", json.dump());
  };
  const struct {
    std::function<void()> harm;
    std::vector<std::string> says;
  } cases[] = {
      {[&] { config("num_hidden_layers", 3); }, {"encoder.layer.2.", "config.json", "the weights"}},
      {[&] { config("num_hidden_layers", 1); }, {"encoder.layer.1.", "config.json", "model.safetensors"}},
      {[&] {
         config("vocab_size", 33);
         write_file(model / "vocab.txt", read_file(model / "vocab.txt") + "more\n");
       },
       {"word_embeddings", "[32, 16]", "[33, 16]", "config.json", "model.safetensors"}},
      {[&] {
         std::string bytes = read_file(model / "model.safetensors");
         const float nan = std::numeric_limits<float>::quiet_NaN();
         std::memcpy(bytes.data() + bytes.size() - 4, &nan, 4);
         write_file(model / "model.safetensors", bytes);
       },
       {"holds a NaN"}},
      {[&] { fs::create_directory(model / "special_tokens_map.json"); }, {"special_tokens_map.json", "a folder"}},
      {[&] {
         fs::rename(model / "vocab.txt", folder.path / "vocab.txt");
         fs::create_symlink("../vocab.txt", model / "vocab.txt");
       },
       {"vocab.txt", "outside"}},
  };
  for (const auto& c : cases) {
    fs::remove_all(model);
    fs::copy(good, model);
    c.harm();
    for (const auto& [name, force] : {std::pair("new", false), std::pair("run", true)}) {
      const std::string text = message_of([&, n = name, f = force] { finetune(recipe(), out(n), {.force = f}); });
      for (const std::string& part : c.says) EXPECT_NE(text.find(part), std::string::npos) << part << ": " << text;
    }
    EXPECT_FALSE(fs::exists(out("new"))) << c.says[0];
    EXPECT_EQ(contents(out("run")), before) << c.says[0];
  }
}

TEST_F(FinetuneTest, OverflowNamesStepTensorAndCheckpoint) {
  // Finite weights whose activations overflow.
  const fs::path file = folder.path / "model" / "model.safetensors";
  const SafetensorsFile tensors(file);
  const TensorInfo& info = tensors.info("bert.encoder.layer.1.intermediate.dense.weight");
  std::string bytes = read_file(file);
  const size_t data =
      bytes.size() - static_cast<size_t>(std::ranges::max_element(tensors.tensors(), {}, [](const auto& t) {
                                           return t.second.end;
                                         })->second.end);
  const std::vector<float> huge(static_cast<size_t>(info.elements()), 3e38F);
  std::memcpy(bytes.data() + data + info.begin, huge.data(), info.bytes());
  write_file(file, bytes);
  const std::string text = message_of([&] { finetune(recipe("checkpoint_every = 2"), out("run"), {}); });
  EXPECT_NE(text.find("step 1"), std::string::npos) << text;
  EXPECT_NE(text.find("'bert."), std::string::npos) << text;
  EXPECT_NE(text.find("newest checkpoint: none"), std::string::npos) << text;
  EXPECT_FALSE(fs::exists(out("run") / "model"));
  EXPECT_FALSE(fs::exists(out("run") / "checkpoints"));

  // The same without a step of training: its score would be of answers that are no numbers.
  const std::string dense = test::tiny_recipe();
  const Recipe oneshot = Recipe::parse(dense.substr(0, dense.find("[[stage]]")) + "[[stage]]\nmethod = \"oneshot\"\n",
                                       folder.path / "recipe.toml", {});
  const std::string score = message_of([&] { finetune(oneshot, out("oneshot"), {}); });
  EXPECT_NE(score.find("stage 'oneshot', step 0"), std::string::npos) << score;
  EXPECT_NE(score.find("expected a finite number"), std::string::npos) << score;
  EXPECT_FALSE(fs::exists(out("oneshot") / "model"));
  EXPECT_FALSE(fs::exists(out("oneshot") / "stages"));
}

TEST_F(FinetuneTest, ImpossiblePlansAreRefusedAtOnce) {
  EXPECT_NE(message_of([&] { finetune(recipe("", {"stage.admm.pattern=3:5"}), out("a"), {}); }).find("bert.encoder"),
            std::string::npos);
  EXPECT_NE(
      message_of([&] { finetune(recipe("", {"stage.dense.max_length=129"}), out("a"), {}); }).find("128 positions"),
      std::string::npos);
  EXPECT_FALSE(fs::exists(out("a")));
  EXPECT_NE(message_of([&] { finetune(recipe("", {"stage.masked.pattern=1:4"}), out("a"), {}); }).find("1:4"),
            std::string::npos);
}

// transformers: weights from N(0, initializer_range), biases zero.
TEST_F(FinetuneTest, ANewHeadIsDrawnBySeedAndDeviation) {
  const ModelDir base(folder.path / "model");
  ModelConfig config = base.config();
  config.labels.clear();
  for (int i = 0; i < 400; ++i) config.labels.push_back(fmt::format("label {}", i));
  const auto head = [&](uint64_t seed) {
    Bert model(config, at::kCPU);
    const std::vector<std::string> made = load_weights(model, base, seed);
    EXPECT_EQ(std::set(made.begin(), made.end()), (std::set<std::string>{"classifier.bias", "classifier.weight"}));
    EXPECT_EQ(at::count_nonzero(model.parameter("classifier.bias").tensor).item<int64_t>(), 0);
    return model.parameter("classifier.weight").tensor.detach().clone();
  };
  const at::Tensor weight = head(1);
  const double n = static_cast<double>(weight.numel()), deviation = config.initializer_range;
  EXPECT_NEAR(weight.std().item<double>(), deviation, 5 * deviation / std::sqrt(2 * n));
  EXPECT_NEAR(weight.mean().item<double>(), 0, 5 * deviation / std::sqrt(n));
  EXPECT_TRUE(at::equal(weight, head(1)));
  EXPECT_FALSE(at::equal(weight, head(2)));
}

TEST_F(FinetuneTest, ClassWeightsPullTowardsTheHeavyClass) {
  const auto share_of_yes = [&](const std::string& weights) {
    finetune(recipe("", {"task.class_weights=" + weights}), out(weights), {});
    const ModelDir dir(out(weights) / "model");
    std::vector<float> bias(2);
    dir.read_f32("classifier.bias", bias);
    return bias[1] - bias[0];
  };
  const float heavy_no = share_of_yes("[50, 1]"), even = share_of_yes("[1, 1]"), heavy_yes = share_of_yes("[1, 50]");
  EXPECT_LT(heavy_no, even);
  EXPECT_LT(even, heavy_yes);
}

TEST_F(FinetuneTest, WhatIsOddInTheDataIsSaidBefore) {
  const std::string dev = read_file(folder.path / "dev.tsv");
  write_file(folder.path / "train.tsv", read_file(folder.path / "train.tsv") + dev.substr(dev.find('\n') + 1));
  std::vector<std::string> said;
  finetune(recipe(), out("run"), {.say = [&](std::string_view line) { said.emplace_back(line); }});
  EXPECT_TRUE(std::ranges::any_of(said, [](const std::string& line) {
    return line.starts_with("warning: ") && line.find("dev") != std::string::npos;
  })) << said.front();
  EXPECT_TRUE(
      std::ranges::any_of(said, [](const std::string& line) { return line.find("new head") != std::string::npos; }));
}

}  // namespace
}  // namespace nxm
