// SPDX-License-Identifier: Apache-2.0
// The demo: a real model on a real task, from dense to 2:4, in a few minutes.

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

#include "nxm/cli/cache.h"
#include "nxm/cli/demo_recipe.h"
#include "nxm/cli/finetune.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/report/table.h"
#include "nxm/train/classifier.h"

namespace nxm::cli {
namespace {

namespace fs = std::filesystem;

// Written for the demo: one clear case of each kind, and one that turns on its last words.
constexpr std::array kSentences{
    "An absolute delight from the first minute to the last.",
    "Two hours of my life that I will never get back.",
    "The cast tries hard, but the story falls flat.",
};

std::string prediction_table(const fs::path& model, const Task& task) {
  const Classifier classifier = Classifier::load(model, "auto", "auto", 0);
  Examples examples;
  for (const char* sentence : kSentences) examples.rows.push_back({sentence, std::nullopt, 0});
  const Dataset data = tokenize(examples, Tokenizer::load(model), 128);
  const std::vector<float> logits = classifier.logits(data, static_cast<int64_t>(kSentences.size()));
  const std::vector<float> classes = predictions_from_logits(task, logits);
  std::vector<std::vector<std::string>> rows{{"sentence", "label", "probability"}};
  const auto width = static_cast<size_t>(classifier.outputs());
  for (size_t i = 0; i < kSentences.size(); ++i) {
    const auto chosen = static_cast<size_t>(classes[i]);
    double sum = 0;  // of exp(logit - largest)
    for (size_t c = 0; c < width; ++c)
      sum += std::exp(static_cast<double>(logits[i * width + c] - logits[i * width + chosen]));
    rows.push_back({kSentences[i], classifier.config().labels.at(chosen), fmt::format("{:.2f}", 1 / sum)});
  }
  return text_table(rows);
}

}  // namespace

void add_demo(CLI::App& app) {
  struct Flags {
    std::string out = "runs/demo";
    std::vector<std::string> set;
    bool force = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("demo", "MiniLM on film reviews, from dense to 2:4, in a few minutes");
  verb->add_option("--out", flags->out, "Folder of the run; a run that was stopped goes on")->capture_default_str();
  verb->add_option("--set", flags->set, "Override a key of recipes/demo.toml: stage.2.pattern=4:8")
      ->allow_extra_args(false);
  verb->add_flag("--force", flags->force, "Begin again");
  verb->footer(
      "Needs the files that tools/demo_assets fetches; `make demo` does that first.\n\nExample:\n  nxm demo --out "
      "runs/demo\n");
  verb->callback([flags] {
    const fs::path assets = cache_folder() / "demo";
    for (const char* file : {"model/model.safetensors", "reviews/train.tsv", "reviews/dev.tsv"}) {
      if (!fs::exists(assets / file)) {
        fail("demo", "{} is not there. Fetch it: tools/demo_assets (or run `make demo`, which does)",
             (assets / file).string());
      }
    }
    std::vector<std::string> overrides{"model.path=" + (assets / "model").string(),
                                       "task.data=" + (assets / "reviews").string()};
    overrides.insert(overrides.end(), flags->set.begin(), flags->set.end());
    const Recipe recipe = Recipe::parse(kDemoRecipe, "recipes/demo.toml", overrides);
    const FinetuneResult result = run_recipe(recipe, flags->out, {.resume = !flags->force, .force = flags->force});
    if (result.interrupted) return;
    fmt::print("\n{}\n{}\n", stage_table(result.stages), prediction_table(result.model, recipe.task));
    const fs::path out = flags->out;
    fmt::print("model        {}\nlog          {}\nTensorBoard  tensorboard --logdir {}\nthe pattern  nxm inspect {}\n",
               result.model.string(), (out / "run.jsonl").string(), (out / "runs").string(), result.model.string());
  });
}

}  // namespace nxm::cli
