// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>

#include "nxm/core/env.h"

namespace nxm {
namespace {

constexpr int kBarWidth = 24;        // cells; leaves room for the numbers in 80 columns
constexpr double kBarSeconds = 0.1;  // between redraws
constexpr double kLineSeconds = 10;  // between lines where there is no terminal
constexpr std::string_view kClearLine = "\r\x1b[K";

// Human text must not stop a run: a closed stderr is not an error.
void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

// "12.4 k": the largest unit in which the number is at least 1, as it will be printed.
std::string scaled(double value, double smallest, std::span<const std::string_view> units) {
  if (value < smallest) return fmt::format("{:.0f}", value);
  size_t unit = 0;
  for (value /= 1000; value >= 999.95 && unit + 1 < units.size(); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

// A line's length on the terminal, less the last column, where some terminals wrap.
int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1 : 79;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, rest) : fmt::format("{}:{:02}", minutes, rest);
}

std::string count_text(double count) {
  static constexpr std::string_view kUnits[] = {"k", "M", "G"};
  return scaled(count, 999.5, kUnits);
}

std::string size_text(double bytes) {
  static constexpr std::string_view kUnits[] = {"kB", "MB", "GB", "TB"};
  return scaled(bytes, 999.5, kUnits) + (bytes < 999.5 ? " B" : "");
}

Progress::Style Progress::detect() {
  return isatty(STDERR_FILENO) == 1 && env::get("TERM").value_or("") != "dumb" ? Style::kBar : Style::kLines;
}

Progress::Progress(std::string title, int64_t total, Style style)
    : title_(std::move(title)),
      total_(total),
      style_(style),
      start_(std::chrono::steady_clock::now()),
      drawn_(start_) {}

Progress::~Progress() { finish(); }

void Progress::update(int64_t done, int64_t tokens, double loss) {
  if (style_ == Style::kSilent) return;
  const auto now = std::chrono::steady_clock::now();
  if (!shown_) {  // the first step also pays for what is set up lazily
    shown_ = true;
    start_ = drawn_ = now;
    first_done_ = done;
    first_tokens_ = tokens;
    return;
  }
  const double since = std::chrono::duration<double>(now - drawn_).count();
  if (done < total_ && since < (style_ == Style::kBar ? kBarSeconds : kLineSeconds)) return;
  drawn_ = now;
  const double seconds = std::max(1e-9, std::chrono::duration<double>(now - start_).count());
  const auto steps = static_cast<double>(std::max<int64_t>(1, done - first_done_));
  const double left = seconds / steps * static_cast<double>(total_ - done);
  const std::string numbers =
      fmt::format("{}/{}  loss {:.4f}  {} tok/s  ETA {}", done, total_, loss,
                  count_text(static_cast<double>(tokens - first_tokens_) / seconds), duration_text(left));
  if (style_ == Style::kLines) {
    put(fmt::format("{}: {}\n", title_, numbers));
    return;
  }
  const int room = terminal_columns() - static_cast<int>(title_.size() + numbers.size()) - 2;
  const int cells = std::clamp(room, 0, kBarWidth);
  const auto filled = static_cast<int>(cells * std::clamp<int64_t>(done, 0, total_) / std::max<int64_t>(1, total_));
  std::string bar;
  for (int i = 0; i < cells; ++i) bar += i < filled ? "█" : "░";
  // A narrow terminal has no room for the bar, or sees only the beginning: a wrapped line could not be drawn over.
  const std::string text = fmt::format("{} {}{}{}", title_, bar, cells > 0 ? " " : "", numbers);
  put(fmt::format("{}{}", kClearLine, room >= 0 ? text : text.substr(0, static_cast<size_t>(terminal_columns()))));
}

void Progress::note(std::string_view line) {
  if (style_ == Style::kSilent) return;
  put(fmt::format("{}{}\n", style_ == Style::kBar ? kClearLine : "", line));
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (style_ == Style::kBar && shown_) put(kClearLine);
}

}  // namespace nxm
