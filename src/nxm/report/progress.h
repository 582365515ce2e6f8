// SPDX-License-Identifier: Apache-2.0
#pragma once
// A progress bar on a terminal, plain lines now and then elsewhere. Human text only, always on stderr.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace nxm {

/// "3:07", "1:02:45".
std::string duration_text(double seconds);
/// "950", "12.4 k", "3.1 M".
std::string count_text(double count);
/// "91.2 MB", "17 B" (powers of 1000).
std::string size_text(double bytes);

class Progress {
 public:
  enum class Style { kSilent, kLines, kBar };
  /// kBar if stderr is a terminal and TERM is not "dumb", else kLines.
  static Style detect();

  /// `title` "admm 2/4", `total` steps.
  Progress(std::string title, int64_t total, Style style);
  ~Progress();
  /// `done` steps so far, tokens processed since the start, the current loss. Redraws at most 10 times a second (bar)
  /// or writes a line at most every 10 s and at the end (lines). First rate after the second call: the start does not
  /// count.
  void update(int64_t done, int64_t tokens, double loss);
  /// Text above the bar (an evaluation's result, a warning).
  void note(std::string_view line);
  void finish();

 private:
  std::string title_;
  int64_t total_;
  Style style_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point drawn_;
  int64_t first_done_ = 0;
  int64_t first_tokens_ = 0;
  bool shown_ = false;
  bool finished_ = false;
};

}  // namespace nxm
