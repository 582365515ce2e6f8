// SPDX-License-Identifier: Apache-2.0
#pragma once
// Options that several verbs share: which task, which model, and how it runs.

#include <cstdint>
#include <filesystem>
#include <string>

#include "nxm/cli/verb.h"
#include "nxm/data/task.h"
#include "nxm/io/model_config.h"

namespace nxm::cli {

/// --task NAME --data FOLDER, or --recipe FILE.
struct TaskOptions {
  std::string task, data, recipe;
  void add_to(Verb verb);
};

/// --model, --max-length.
struct ModelOptions {
  std::string model;
  int64_t max_length = 0;    ///< tokens; 0: not given
  Option add_to(Verb verb);  ///< gives --model
};

/// --batch, --engine, --device, --precision, --threads.
struct RunOptions {
  int64_t batch = 32;
  std::string engine = "nxm", device = "auto", precision = "auto";
  bool pin = false;
  int threads = 0;
  void add_to(Verb verb);
};

/// --pin, for verbs without RunOptions.
void add_pin(Verb verb, bool& pin);

/// What the options mean together: a recipe's own model folder and max_length serve where the command line gives none.
struct TaskChoice {
  Task task;
  std::filesystem::path data;
  std::filesystem::path model;
  int64_t max_length = 0;  ///< 0: not given
};

/// Throws UsageError unless the task is named in one of the two ways.
TaskChoice choose_task(const TaskOptions& task, const ModelOptions& model, const char* verb);

/// The folder of --model, fetched if it names a model of the hub.
std::filesystem::path model_folder(const std::string& model);

}  // namespace nxm::cli
