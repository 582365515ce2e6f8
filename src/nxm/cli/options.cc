// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/options.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/data/dataset.h"
#include "nxm/io/hub.h"
#include "nxm/recipe/recipe.h"

namespace nxm::cli {

void TaskOptions::add_to(Verb verb) {
  verb.option("--task", task, "A task nxm knows: cola sst2 mrpc stsb qqp mnli qnli rte wnli reviews");
  verb.option("--data", data, "Folder of the task's files, or of GLUE's folders");
  verb.option("--recipe", recipe, "Recipe whose [task] to take instead of --task and --data");
}

Option ModelOptions::add_to(Verb verb) {
  const Option model_option = verb.option("--model", model, "Model folder, or ORG/NAME on a hub");
  verb.option("--max-length", max_length,
              fmt::format("Tokens of an example, special ones included (default: {})", kUsualLength))
      .within(4, 1 << 20);
  return model_option;
}

void RunOptions::add_to(Verb verb) {
  verb.option("--batch", batch, "Examples run together").show_default().within(1, 1 << 16);
  verb.option("--engine", engine, "nxm, or torch where this nxm is built with it")
      .show_default()
      .one_of({"nxm", "torch"});
  verb.option("--device", device, "auto, cpu; with --engine torch also cuda or cuda:N").show_default();
  verb.option("--precision", precision, "auto (as the model is stored), f32, bf16, int8 (not torch)").show_default();
  verb.option("--threads", threads, "Threads; 0: all that this process may use").show_default().within(0, 4096);
  add_pin(verb, pin);
}

void add_pin(Verb verb, bool& pin) {
  verb.flag("--pin", pin, "Keep each thread on a processor of its own (not --engine torch)");
}

TaskChoice choose_task(const TaskOptions& task, const ModelOptions& model, const char* verb) {
  TaskChoice choice;
  std::string name = model.model;
  choice.max_length = model.max_length;
  if (!task.recipe.empty()) {
    if (!task.task.empty() || !task.data.empty()) fail_usage(verb, "--recipe excludes --task and --data");
    const Recipe recipe = Recipe::load(task.recipe);
    choice.task = recipe.task;
    choice.data = recipe.data;
    if (name.empty()) name = recipe.model;
    if (choice.max_length == 0 && !recipe.stages.empty()) choice.max_length = recipe.stages.back().max_length;
  } else {
    if (task.task.empty()) fail_usage(verb, "which task? Give --task NAME and --data FOLDER, or --recipe FILE");
    choice.task = find_task(task.task);
    if (task.data.empty()) fail_usage(verb, "where are the files of '{}'? Give --data FOLDER", task.task);
    choice.data = task.data;
  }
  if (name.empty()) fail_usage(verb, "which model? Give --model FOLDER");
  choice.model = model_folder(name);
  return choice;
}

std::filesystem::path model_folder(const std::string& model) {
  HubOptions options = HubOptions::from_environment();
  options.say = [](std::string_view line) { fmt::print(stderr, "{}\n", line); };
  return resolve_model(model, options);
}

}  // namespace nxm::cli
