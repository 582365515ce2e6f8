// SPDX-License-Identifier: Apache-2.0
#pragma once
// What BERT does to a text before it looks for words. Not the splitting into words (pre_tokenizer.h).

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nxm {

/// Byte range [start, end) of a text.
using ByteRange = std::pair<uint32_t, uint32_t>;

/// A text after normalisation, and for each of its bytes which original character it came from.
struct Normalized {
  std::string text;  ///< valid UTF-8
  std::vector<ByteRange> origin;

  void clear() {
    text.clear();
    origin.clear();
  }
  /// Where text[begin, end) came from; begin < end.
  [[nodiscard]] ByteRange range(size_t begin, size_t end) const {
    return {origin[begin].first, origin[end - 1].second};
  }
};

/// In this order, each if asked for: controls and U+FFFD go and every white space becomes ' '; ideographs get spaces
/// around them; NFD and nonspacing marks go; lower case. All false: the text as it is.
struct NormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

class Normalizer {
 public:
  explicit Normalizer(NormalizerOptions options);
  [[nodiscard]] const NormalizerOptions& options() const { return options_; }

  /// Appends to `out`; `base` is where `text` begins in the original. Invalid UTF-8 reads as U+FFFD.
  /// Origins are those of tokenizers: a character's pieces share its range, and characters that NFD puts in another
  /// order take their ranges in the order of the original. Cost: O(bytes), O(n log n) in a run of n combining marks.
  void normalize(std::string_view text, uint32_t base, Normalized& out) const;

 private:
  size_t append_ascii(std::string_view text, size_t at, uint32_t base, Normalized& out) const;

  NormalizerOptions options_;
  std::array<int16_t, 128> ascii_;  ///< what becomes of an ASCII character; -1: nothing
};

}  // namespace nxm
