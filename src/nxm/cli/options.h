// SPDX-License-Identifier: Apache-2.0
#pragma once
// Options that several verbs share: which task, which model, and how it runs.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <string>

#include "nxm/data/task.h"
#include "nxm/io/model_config.h"

namespace nxm::cli {

/// --task NAME --data FOLDER, or --recipe FILE.
struct TaskOptions {
  std::string task, data, recipe;
  void add_to(CLI::App& verb);
};

/// --model, --max-length.
struct ModelOptions {
  std::string model;
  int64_t max_length = 0;  ///< tokens; 0: not given
  void add_to(CLI::App& verb);
};

/// --batch, --device, --precision, --threads.
struct RunOptions {
  int64_t batch = 32;
  std::string device = "auto", precision = "auto";
  int threads = 0;
  void add_to(CLI::App& verb);
};

/// What the options mean together: a recipe's own model folder and max_length serve where the command line gives none.
struct TaskChoice {
  Task task;
  std::filesystem::path data;
  std::filesystem::path model;
  int64_t max_length = 0;
};

/// Throws UsageError unless the task is named in one of the two ways.
TaskChoice choose_task(const TaskOptions& task, const ModelOptions& model, const char* verb);

/// The folder of --model, fetched if it names a model of the hub.
std::filesystem::path model_folder(const std::string& model);

/// Throws UsageError if the model has fewer positions than `max_length`.
void check_length(const ModelConfig& config, int64_t max_length);

/// `given`, or kUsualLength where that is 0.
inline constexpr int64_t kUsualLength = 128;  // GLUE's usual cut, and a stage's default
inline int64_t length_or_usual(int64_t given) { return given > 0 ? given : kUsualLength; }

}  // namespace nxm::cli
