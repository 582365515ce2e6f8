// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/pattern.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "nxm/core/error.h"

namespace nxm {
namespace {

constexpr int kMaxOf = 64;
constexpr int kMaxShare = 64;

/// Takes a number and then `separator` (0: the end of the text) off the front of `text`.
bool take_number(std::string_view& text, int& number, char separator) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return false;
  const bool at_end = stop == end;
  if (separator == '\0' ? !at_end : at_end || *stop != separator) return false;
  text.remove_prefix(static_cast<size_t>(stop - text.data()) + (at_end ? 0 : 1));
  return true;
}

bool is_valid(const Pattern& p) {
  return p.keep >= 1 && p.keep < p.of && p.of <= kMaxOf && p.share >= 1 && p.share <= kMaxShare;
}

/// The pattern whose groups have `of` columns and whose density is nearest to that of `wanted`.
Pattern nearest_of(const Pattern& wanted, int of, int share) {
  const auto keep = static_cast<int>(std::lround(wanted.density() * of));
  return {std::clamp(keep, 1, of - 1), of, share};
}

/// Up to five patterns like `wanted` that fit (rows, cols), the most alike first: "1:2, 3:6"; "" if none does.
std::string fitting(const Pattern& wanted, int64_t rows, int64_t cols) {
  int share = wanted.share;
  while (rows % share != 0) --share;
  std::vector<Pattern> patterns;
  for (int of = 2; of <= kMaxOf; ++of) {
    if (cols % of == 0) patterns.push_back(nearest_of(wanted, of, share));
  }
  const auto difference = [&](const Pattern& p) {
    return std::pair(std::abs(p.density() - wanted.density()), std::abs(p.of - wanted.of));
  };
  std::stable_sort(patterns.begin(), patterns.end(),
                   [&](const Pattern& a, const Pattern& b) { return difference(a) < difference(b); });
  std::string list;
  for (size_t i = 0; i < std::min<size_t>(patterns.size(), 5); ++i) list += (i == 0 ? "" : ", ") + patterns[i].str();
  return list;
}

}  // namespace

Pattern Pattern::parse(std::string_view text) {
  Pattern pattern;
  std::string_view rest = text;
  const bool shared = text.find('x') != std::string_view::npos;
  const bool read = take_number(rest, pattern.keep, ':') && take_number(rest, pattern.of, shared ? 'x' : '\0') &&
                    (!shared || take_number(rest, pattern.share, '\0'));
  if (!read) {
    // A pattern is at most 8 characters long; of anything longer its beginning will do.
    fail_usage("pattern", "expected keep:of such as 2:4, or keep:ofxS such as 2:4x2, got '{}'", text.substr(0, 40));
  }
  if (!is_valid(pattern)) {
    const bool turned = pattern.of >= 1 && pattern.of < pattern.keep && pattern.keep <= kMaxOf;
    fail_usage("pattern",
               "{} is out of range: expected 1 <= keep < of <= {} and 1 <= S <= {} in keep:of or keep:ofxS{}", text,
               kMaxOf, kMaxShare, turned ? fmt::format("; write {}:{}?", pattern.of, pattern.keep) : "");
  }
  return pattern;
}

std::string Pattern::str() const {
  return share == 1 ? fmt::format("{}:{}", keep, of) : fmt::format("{}:{}x{}", keep, of, share);
}

void Pattern::check_fits(std::string_view layer, int64_t rows, int64_t cols) const {
  require(is_valid(*this), "Pattern: 1 <= keep < of <= 64 and 1 <= share <= 64 must hold");
  require(rows >= 0 && cols >= 0, "Pattern: a matrix has no negative size");
  if (fits(rows, cols)) return;
  const std::string wrong = cols % of != 0 ? fmt::format("{} does not divide its {} columns", of, cols)
                                           : fmt::format("{} does not divide its {} rows", share, rows);
  const std::string fits = fitting(*this, rows, cols);
  fail("pattern", "layer '{}' of shape [{}, {}] cannot be {}: {}. {}", layer, rows, cols, str(), wrong,
       fits.empty() ? "No group size from 2 to 64 fits: leave this layer out." : "Patterns that fit: " + fits + ".");
}

}  // namespace nxm
