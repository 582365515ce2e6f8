// SPDX-License-Identifier: Apache-2.0
#pragma once
// The N:M pattern: how many weights of a group may be non-zero. Not which ones (mask.h), nor how they are chosen
// (projection.h).

#include <cstdint>
#include <string>
#include <string_view>

namespace nxm {

/// `keep:of` keeps at most `keep` of every `of` consecutive weights along a linear layer's input dimension (the columns
/// of its (O, I) weight). `keep:ofxS` makes one choice for S consecutive output rows 0…S-1, S…2S-1, …
/// 1 <= keep < of <= 64, 1 <= share <= 64.
struct Pattern {
  int keep = 2;
  int of = 4;
  int share = 1;  ///< rows that share one choice: the S of xS

  /// "2:4", "8:16", "2:4x2". Throws UsageError that says what is wrong with `text`.
  static Pattern parse(std::string_view text);
  [[nodiscard]] std::string str() const;

  /// `of` divides cols and `share` divides rows.
  [[nodiscard]] bool fits(int64_t rows, int64_t cols) const { return cols % of == 0 && rows % share == 0; }
  /// Throws Error unless `of` divides cols and `share` divides rows; names `layer`, the size and patterns that fit.
  void check_fits(std::string_view layer, int64_t rows, int64_t cols) const;

  [[nodiscard]] double density() const { return static_cast<double>(keep) / of; }
  bool operator==(const Pattern&) const = default;
};

/// What is looked for where nobody names a pattern: the sparsest first, of equal density the smallest group, and each
/// first with choices shared by two rows. A matrix that is 2:4 is also 4:8, so the first that holds says the most.
inline constexpr Pattern kUsualPatterns[] = {
    {1, 8, 2}, {1, 8}, {1, 4, 2}, {1, 4}, {2, 8, 2},  {2, 8},  {4, 16, 2},  {4, 16},  {1, 2, 2},   {1, 2},
    {2, 4, 2}, {2, 4}, {4, 8, 2}, {4, 8}, {8, 16, 2}, {8, 16}, {16, 32, 2}, {16, 32}, {32, 64, 2}, {32, 64}};

}  // namespace nxm
