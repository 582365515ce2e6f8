// SPDX-License-Identifier: Apache-2.0
#pragma once
// Tokens that are found in the text itself, before it is cut into words: "[SEP]", or what a user added.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nxm {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = true;
  bool lstrip = false;      ///< takes the white space before it
  bool rstrip = false;      ///< and after it
  bool normalized = false;  ///< looked for in the normalised text, as `content` is after normalisation
};

/// Looks for a set of patterns at once.
class TokenMatcher {
 public:
  struct Pattern {
    std::string text;  ///< not empty
    int32_t id;
    bool lstrip, rstrip;
  };
  /// Where two patterns begin alike, the longest is found; of equal ones the first.
  explicit TokenMatcher(std::vector<Pattern> patterns);
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

  struct Match {
    size_t begin, end;  ///< begin == text.size(): there is no more
    int32_t id;
  };
  /// The first match that begins at or after `at`; the white space it takes does not reach before `at`.
  /// Cost: O(bytes), and O(log patterns + their nesting) wherever one may begin.
  [[nodiscard]] Match next(std::string_view text, size_t at) const;

 private:
  [[nodiscard]] const Pattern* longest(std::string_view text) const;

  std::vector<Pattern> patterns_;   // sorted
  std::vector<int32_t> shorter_;    // of each the longest other one that it begins with, or -1
  std::array<bool, 256> begins_{};  // first bytes
};

}  // namespace nxm
