// SPDX-License-Identifier: Apache-2.0
// `nxm eval`: a model's metrics on a split of a task, and GLUE submissions.

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "nxm/cli/engine.h"
#include "nxm/cli/options.h"
#include "nxm/cli/score.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/data/submission.h"
#include "nxm/infer/session.h"
#include "nxm/io/json_fields.h"
#include "nxm/report/table.h"

namespace nxm::cli {
namespace {

struct EvalFlags {
  TaskOptions task;
  ModelOptions model;
  RunOptions run;
  std::string split = "dev", submission;
  bool json = false;
};

void eval(const EvalFlags& flags) {
  const TaskChoice choice = choose_task(flags.task, flags.model, "eval");
  const Task& task = choice.task;
  // What cannot work is said before the model runs.
  if (!flags.submission.empty()) submission_path(task, flags.split, flags.submission);
  const Examples examples = read_split(task, flags.split, choice.data);
  if (!examples.labelled && flags.submission.empty()) {
    fail_usage(
        "eval",
        "split '{}' of '{}' has no labels, so there is no score; give --submission FOLDER for a file of predictions",
        flags.split, task.name);
  }
  ThreadPool pool(flags.run.threads > 0 ? flags.run.threads : available_threads());
  const auto model = load_engine(choice.model, flags.run);
  const auto max_length = static_cast<size_t>(length_for(model->config(), choice.max_length));
  const Dataset data = tokenize(examples, model->tokenizer(), max_length, &pool);
  const std::vector<float> predictions = predictions_of(*model, task, data, flags.run.batch, choice.model.string());

  OrderedJson json{{"task", task.name},
                   {"split", flags.split},
                   {"rows", data.size()},
                   {"metrics", OrderedJson::object()},
                   {"score", nullptr}};
  std::vector<std::vector<std::string>> rows{{"split", "rows"}, {flags.split, fmt::format("{}", data.size())}};
  if (examples.labelled) {
    const Scores scores = compute_scores(task.metrics, predictions, data.labels);
    for (const auto& [name, value] : scores.metrics) {
      json["metrics"][name] = value;
      rows[0].push_back(name);
      rows[1].push_back(fmt::format("{:.2f}", 100 * value));
    }
    json["score"] = scores.score;
  }
  if (!flags.submission.empty()) {
    const auto path = write_submission(task, flags.split, predictions, flags.submission);
    json["submission"] = path.string();
    fmt::print(stderr, "predictions: {}\n", path.string());
  }
  fmt::print("{}\n", flags.json ? json.dump() : text_table(rows));
}

}  // namespace

void add_eval(Verb app) {
  auto flags = std::make_shared<EvalFlags>();
  Verb verb = app.add("eval", "A model's metrics on a split of a task; GLUE submissions");
  flags->model.add_to(verb);
  flags->task.add_to(verb);
  verb.option("--split", flags->split, "Split of the task: dev, train, test, dev_mismatched, …").show_default();
  verb.option("--submission", flags->submission, "Folder for the predictions as GLUE's server takes them");
  flags->run.add_to(verb);
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "Labels are matched by name, whatever their order in the model.\n\n"
      "Example:\n  nxm eval --model runs/mrpc/model --task mrpc --data glue");
  verb.run([flags] { eval(*flags); });
}

}  // namespace nxm::cli
