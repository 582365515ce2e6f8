// SPDX-License-Identifier: Apache-2.0
// The demo: a real model on a real task, from dense to 2:4, in a few minutes.

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "nxm/cli/cache.h"
#include "nxm/cli/demo_recipe.h"
#include "nxm/cli/finetune.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/infer/session.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

namespace fs = std::filesystem;

// Written for the demo: one clear case of each kind, and one that turns on its last words.
constexpr std::array kSentences{
    "An absolute delight from the first minute to the last.",
    "Two hours of my life that I will never get back.",
    "The cast tries hard, but the story falls flat.",
};

/// The program as the user typed it, so that what is printed can be typed too.
std::string called_as() {
  std::string name;
  std::ifstream line("/proc/self/cmdline", std::ios::binary);
  if (!std::getline(line, name, '\0') || name.empty()) return "nxm";
  return name;
}

std::string prediction_table(const fs::path& model) {
  const Session session = Session::load(model);
  std::vector<std::vector<std::string>> rows{{"sentence", "label", "probability"}};
  for (const char* sentence : kSentences) {
    const Prediction answer = session.predict(sentence);
    rows.push_back({sentence, answer.label, fmt::format("{:.2f}", answer.score)});
  }
  return text_table(rows);
}

}  // namespace

void add_demo(Verb app) {
  struct Flags {
    std::string out = "runs/demo";
    std::vector<std::string> set;
    bool force = false;
  };
  auto flags = std::make_shared<Flags>();
  Verb verb = app.add("demo", "MiniLM on film reviews, from dense to 2:4, in a few minutes");
  verb.option("--out", flags->out, "Folder of the run; a run that was stopped goes on").show_default();
  verb.option("--set", flags->set, "Override a key of recipes/demo.toml: stage.2.pattern=4:8");
  verb.flag("--force", flags->force, "Begin again");
  verb.footer(
      "Needs the files that tools/demo_assets fetches; `make demo` does that first.\n\nExample:\n  nxm demo --out "
      "runs/demo\n");
  verb.run([flags] {
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
    fmt::print("\n{}\n{}\n", stage_table(result.stages), prediction_table(result.model));
    const fs::path out = flags->out;
    fmt::print(
        "model        {0}\nlog          {1}\nTensorBoard  tensorboard --logdir {2}\nthe pattern  {4} inspect {0}\n"
        "smaller      {4} pack {0} --precision int8 --out {3}\n",
        result.model.string(), (out / "run.jsonl").string(), (out / "runs").string(), (out / "int8").string(),
        called_as());
  });
}

}  // namespace nxm::cli
