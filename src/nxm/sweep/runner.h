// SPDX-License-Identifier: Apache-2.0
#pragma once
// Many processes, some at a time: as many as the cores and the memory allow. What they do is not known here.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace nxm {

struct Work {
  std::string name;
  std::vector<std::string> argv;
  std::filesystem::path log;   ///< what it says is appended here
  std::filesystem::path lock;  ///< not started while another process holds this file's lock
  uint64_t memory = 0;         ///< bytes it will need; 0 = not known
};

struct WorkResult {
  int exit_code = 0;
  std::string tail;  ///< the last lines it said
};

struct RunnerOptions {
  int jobs = 1;                                     ///< at a time
  std::function<int()> stop = [] { return 0; };     ///< asked often; a signal: pass it on once, start nothing more
  std::function<std::optional<uint64_t>()> memory;  ///< bytes that may be taken now; may be empty
};

/// How far the work is.
struct RunnerState {
  struct Running {
    size_t work;
    std::chrono::steady_clock::time_point since;
  };
  std::vector<Running> running;
  size_t done = 0, failed = 0, waiting = 0;
  double mean_seconds = 0;  ///< of those done; 0 = none yet
};

/// Called on every event, and some times a second.
struct RunnerView {
  std::function<void(const RunnerState&)> tick = [](const RunnerState&) {};
  std::function<void(size_t work)> started = [](size_t) {};
  std::function<void(size_t work, const WorkResult&)> ended = [](size_t, const WorkResult&) {};
  std::function<void(size_t running)> stopping = [](size_t) {};  ///< a stop was passed on to those at work
  std::function<void(size_t work)> locked = [](size_t) {};       ///< once for each that has to wait
  std::function<void(size_t running, size_t work)> short_of_memory = [](size_t, size_t) {};  ///< once in all
};

/// Runs all of `work` in order, `jobs` at a time; returns when nothing is left or, after a stop, when those at work
/// have ended. One that fails stops no other. With memory short at least one is run. Throws Error if a process cannot
/// be started; those at work are ended in order then.
void run_all(std::span<const Work> work, const RunnerOptions& options, const RunnerView& view);

}  // namespace nxm
