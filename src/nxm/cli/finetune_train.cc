// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nxm/cli/finetune.h"
#include "nxm/cli/stop_signal.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/report/table.h"
#include "nxm/train/finetune.h"

namespace nxm::cli {

FinetuneResult run_recipe(const Recipe& recipe, const std::filesystem::path& out, FinetuneOptions options) {
  catch_stop_signals();
  options.go_on = [](int64_t, int64_t) { return stop_signal() == 0; };
  options.leave_evaluation = [] { return stop_signal() != 0; };
  options.progress = Progress::detect();
  options.say = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  FinetuneResult result = finetune(recipe, out, options);
  if (result.interrupted) {
    fmt::print(stderr, "stopped; everything is saved. Go on with the same command and --resume\n");
    exit_code = 128 + stop_signal();
  }
  return result;
}

std::string stage_table(const std::vector<StageResult>& stages) {
  std::vector<std::vector<std::string>> rows{{"stage", "method", "pattern"}};
  if (stages.empty()) return "";
  for (const auto& [name, value] : stages.front().metrics) rows[0].push_back(name);
  for (const char* column : {"score", "zeros", "size", "time", "tokens/s"}) rows[0].emplace_back(column);
  for (const StageResult& stage : stages) {
    std::vector<std::string> row{stage.name, stage.method, stage.pattern.empty() ? "–" : stage.pattern};
    for (const auto& metric : stage.metrics) row.push_back(fmt::format("{:.1f}", 100 * metric.second));
    row.push_back(fmt::format("{:.1f}", 100 * stage.score));
    row.push_back(fmt::format("{:.1f} %", 100 * stage.sparsity));
    row.push_back(size_text(static_cast<double>(stage.bytes)));
    row.push_back(duration_text(stage.seconds));
    row.push_back(stage.tokens_per_second > 0 ? count_text(stage.tokens_per_second) : "–");
    rows.push_back(std::move(row));
  }
  return text_table(rows);
}

static std::string profile_table(const std::vector<ProfileRow>& profile) {
  double all = 0;
  for (const ProfileRow& row : profile) all += row.seconds;
  std::vector<std::vector<std::string>> rows{{"where the time went", "seconds", "share"}};
  for (const ProfileRow& row : profile) {
    if (row.seconds < 0.0005 * all) continue;  // would read 0.0 %
    rows.push_back(
        {std::string(row.part), fmt::format("{:.2f}", row.seconds), fmt::format("{:.1f} %", 100 * row.seconds / all)});
  }
  rows.push_back({"all", fmt::format("{:.2f}", all), "100.0 %"});
  return text_table(rows);
}

void add_finetune(Verb app) {
  struct Flags {
    std::string recipe, out;
    std::vector<std::string> set;
    bool resume = false, force = false, profile = false, json = false;
  };
  auto flags = std::make_shared<Flags>();
  Verb verb = app.add("finetune", "Carry out a recipe: fine-tune a model, stage by stage, into an N:M pattern");
  verb.option("recipe", flags->recipe, "Recipe (TOML); `nxm init` writes one").required();
  verb.option("--out", flags->out, "Folder of this run").required();
  verb.option("--set", flags->set, "Override a key of the recipe: stage.2.rho=4e-3");
  verb.flag("--resume", flags->resume, "Go on from the run's newest checkpoint, if there is one");
  verb.flag("--force", flags->force, "Replace the run that is in the folder");
  verb.flag("--profile", flags->profile, "Say at the end where the time went");
  verb.flag("--json", flags->json, "Print the result as one JSON object");
  verb.footer("Example:\n  nxm finetune recipes/glue/mrpc.toml --out runs/mrpc --set model.path=models/MiniLM-L6\n");
  verb.run([flags] {
    if (flags->resume && flags->force) fail_usage("finetune", "--resume and --force exclude each other");
    const Recipe recipe = Recipe::load(flags->recipe, flags->set);
    const FinetuneResult result =
        run_recipe(recipe, flags->out, {.resume = flags->resume, .force = flags->force, .profile = flags->profile});
    if (!result.profile.empty()) fmt::print(stderr, "{}", profile_table(result.profile));
    if (flags->json) {
      fmt::print("{}\n", run_json(result.stages, result.model.string()).dump());
    } else if (!result.interrupted) {
      fmt::print("{}\nmodel: {}\n", stage_table(result.stages), result.model.string());
    }
  });
}

}  // namespace nxm::cli
