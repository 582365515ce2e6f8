// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/sweep_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "nxm/report/progress.h"

namespace nxm::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRedrawSeconds = 0.5;
constexpr uintmax_t kLittleSpace = 1 << 20;  // less than any checkpoint
constexpr std::string_view kClearLine = "\r\x1b[K";

double seconds_since(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

// Human text must not stop a sweep: a closed stderr is not an error.
void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// What fits on a line of the terminal; names are ASCII.
std::string cut_to_terminal(std::string text) {
  winsize size{};
  const size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79U;
  if (text.size() <= columns) return text;
  text.resize(columns > 3 ? columns - 3 : 0);
  return text + "...";
}

struct Lines {
  std::span<const Work> work;
  size_t before = 0;
  int jobs = 1;
  bool terminal = false;
  Clock::time_point drawn{};
  size_t done = 0;
  RunnerState last;

  void say(const std::string& line) const { put(fmt::format("{}{}\n", terminal ? kClearLine : "", line)); }

  void tick(const RunnerState& state) {
    const bool changed = state.done != last.done || state.running.size() != last.running.size();
    last = state;
    if (!terminal || (!changed && seconds_since(drawn) < kRedrawSeconds)) return;
    drawn = Clock::now();
    put(kClearLine);
    if (!state.running.empty()) put(cut_to_terminal(status_text(state, work, before, jobs)));
  }

  void ended(size_t index, const WorkResult& result) {
    const Work& one = work[index];
    const size_t total = before + work.size();
    if (result.exit_code == 0) {
      ++done;
      if (!terminal) say(fmt::format("{}: done ({} of {})", one.name, before + done, total));
      return;
    }
    if (result.exit_code == 130 || result.exit_code == 143) {  // it was told to
      say(fmt::format("{}: stopped, saved", one.name));
      return;
    }
    const char* killed = result.exit_code == 128 + SIGKILL ? " (killed, perhaps for want of memory)" : "";
    say(fmt::format("{}: failed with exit code {}{}; the end of {}:", one.name, result.exit_code, killed,
                    one.log.string()));
    std::string indented = "  ";
    for (const char c : result.tail) indented += c == '\n' ? "\n  " : std::string(1, c);
    say(indented.substr(0, indented.find_last_not_of(" \n") + 1));
    std::error_code error;  // a full disk has no room for the log either
    const auto space = std::filesystem::space(one.log.parent_path(), error);
    if (!error && space.available < kLittleSpace) {
      say(fmt::format("  No space left on the disk of {}: {} are free", one.log.parent_path().string(),
                      size_text(static_cast<double>(space.available))));
    }
  }
};

}  // namespace

std::string status_text(const RunnerState& state, std::span<const Work> work, size_t before, int jobs) {
  std::string text = fmt::format("{} of {} runs done", before + state.done, before + work.size());
  if (state.failed > 0) text += fmt::format(", {} failed", state.failed);
  if (state.mean_seconds > 0) {
    double left = state.mean_seconds * static_cast<double>(state.waiting);
    for (const auto& running : state.running) left += std::max(0.0, state.mean_seconds - seconds_since(running.since));
    text += fmt::format(", ETA {}", duration_text(left / jobs));
  }
  text += "; at work:";
  for (const auto& running : state.running) {
    text += fmt::format(" {} ({})", work[running.work].name, duration_text(seconds_since(running.since)));
  }
  return text;
}

RunnerView sweep_view(std::span<const Work> work, size_t before, int jobs) {
  auto lines = std::make_shared<Lines>();
  lines->work = work;
  lines->before = before;
  lines->jobs = jobs;
  lines->terminal = Progress::detect() == Progress::Style::kBar;
  RunnerView view;
  view.tick = [lines](const RunnerState& state) { lines->tick(state); };
  view.started = [lines](size_t index) {
    if (!lines->terminal) lines->say(lines->work[index].name + ": started");
  };
  view.ended = [lines](size_t index, const WorkResult& result) { lines->ended(index, result); };
  view.stopping = [lines](size_t running) {
    lines->say(fmt::format("stopping: {} runs save what they have; a second signal ends them at once", running));
  };
  view.locked = [lines](size_t index) {
    lines->say(lines->work[index].name + ": another process is at work in its folder; waiting for it");
  };
  view.short_of_memory = [lines](size_t running, size_t index) {
    lines->say(fmt::format("memory limits the sweep to {} of {} runs at a time for now: another would need {}", running,
                           lines->jobs, size_text(static_cast<double>(lines->work[index].memory))));
  };
  return view;
}

}  // namespace nxm::cli
