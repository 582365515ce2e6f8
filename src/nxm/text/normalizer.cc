// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/normalizer.h"

#include <algorithm>

#include "nxm/text/unicode.h"

namespace nxm {
namespace {

void append(char32_t cp, ByteRange origin, Normalized& out) {
  append_utf8(out.text, cp);
  out.origin.resize(out.text.size(), origin);
}

// Characters in canonical order (NFD) on their way to `out`. A run of combining marks waits here to be sorted.
class Decomposer {
 public:
  Decomposer(const NormalizerOptions& options, Normalized& out) : options_(options), out_(out) {}

  void add(char32_t cp, ByteRange origin) {
    if (!options_.strip_accents) return emit(cp, origin);
    const CodePoints parts = decompose(cp);
    for (uint32_t i = 0; i < parts.count; ++i) {
      const uint8_t order = combining_class(parts.values[i]);
      if (order == 0) flush();
      if (i == 0) origins_.push_back(origin);
      if (order == 0) {
        place(parts.values[i], i == 0);
      } else {
        marks_.push_back({parts.values[i], order, i == 0});
      }
    }
  }

  void flush() {
    std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& a, const Mark& b) { return a.order < b.order; });
    for (const Mark& mark : marks_) place(mark.cp, mark.first);
    marks_.clear();
    origins_.clear();
    next_origin_ = 0;
  }

 private:
  struct Mark {
    char32_t cp;
    uint8_t order;
    bool first;  // of its character's decomposition
  };

  // tokenizers tells only of each character, in the order after sorting, whether it began an original one; the k-th
  // that did takes the range of the k-th original.
  void place(char32_t cp, bool first) {
    if (first) last_ = origins_[next_origin_++];
    if (!is_mark(cp)) emit(cp, last_);
  }

  void emit(char32_t cp, ByteRange origin) {
    if (!options_.lowercase) return append(cp, origin, out_);
    const CodePoints lower = to_lower(cp);
    for (uint32_t i = 0; i < lower.count; ++i) append(lower.values[i], origin, out_);
  }

  const NormalizerOptions& options_;
  Normalized& out_;
  std::vector<Mark> marks_;
  std::vector<ByteRange> origins_;  // of the characters begun since the last flush
  size_t next_origin_ = 0;
  ByteRange last_{0, 0};
};

}  // namespace

Normalizer::Normalizer(NormalizerOptions options) : options_(options), ascii_() {
  for (char32_t c = 0; c < ascii_.size(); ++c) {
    auto to = static_cast<int16_t>(options.lowercase ? to_lower(c).values[0] : c);
    if (options.clean_text && is_control(c)) to = -1;
    if (options.clean_text && to >= 0 && is_whitespace(c)) to = ' ';
    ascii_[c] = to;
  }
}

// The run of ASCII that begins at `at`; returns its end.
size_t Normalizer::append_ascii(std::string_view text, size_t at, uint32_t base, Normalized& out) const {
  size_t end = at;
  while (end < text.size() && static_cast<uint8_t>(text[end]) < 0x80) ++end;
  size_t to = out.text.size();
  out.text.resize(to + end - at);
  out.origin.resize(to + end - at);
  for (; at < end; ++at) {
    const int16_t c = ascii_[static_cast<uint8_t>(text[at])];
    out.text[to] = static_cast<char>(c);
    out.origin[to] = {base + static_cast<uint32_t>(at), base + static_cast<uint32_t>(at) + 1};
    to += c >= 0;
  }
  out.text.resize(to);
  out.origin.resize(to);
  return end;
}

void Normalizer::normalize(std::string_view text, uint32_t base, Normalized& out) const {
  Decomposer decomposer(options_, out);
  for (size_t at = 0; at < text.size();) {
    if (const auto byte = static_cast<uint8_t>(text[at]); byte < 0x80) {
      if (ascii_[byte] < 0) {  // does not part the marks before it from those behind
        ++at;
        continue;
      }
      decomposer.flush();
      at = append_ascii(text, at, base, out);
      continue;
    }
    auto [cp, bytes] = decode_utf8(text, at);
    const auto start = base + static_cast<uint32_t>(at);
    const ByteRange origin{start, start + bytes};
    at += bytes;
    if (options_.clean_text) {
      if (cp == 0xFFFD || is_control(cp)) continue;
      if (is_whitespace(cp)) cp = ' ';
    }
    const bool spaced = options_.handle_chinese_chars && is_ideograph(cp);
    if (spaced) decomposer.add(' ', origin);
    decomposer.add(cp, origin);
    if (spaced) decomposer.add(' ', origin);
  }
  decomposer.flush();
}

}  // namespace nxm
