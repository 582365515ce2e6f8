// SPDX-License-Identifier: Apache-2.0
#pragma once
// WordPiece: cuts a word into the longest pieces that the vocabulary holds, from left to right. Not the splitting of a
// text into words (pre_tokenizer.h).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nxm {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string continuing_subword_prefix = "##";
  size_t max_input_chars_per_word = 100;
};

/// A token and where it stands, in bytes.
struct Token {
  int32_t id;
  uint32_t begin, end;
};

class WordPiece {
 public:
  /// `tokens` in order of id; "" is an id that stands for nothing. Throws Error(where): the unk token is missing, a
  /// token occurs twice (both ids named).
  WordPiece(const std::vector<std::string>& tokens, WordPieceOptions options, std::string_view where);

  /// Appends the pieces of `word`, which is valid UTF-8: each the longest prefix of what is left, after the first with
  /// the continuing prefix before it. If something fits nowhere or the word is too long, one unk token for all of it.
  /// Places are relative to the word. Cost: O(word * longest token), usually O(word); no allocation but `out`'s.
  void tokenize(std::string_view word, std::vector<Token>& out) const;

  [[nodiscard]] const WordPieceOptions& options() const { return options_; }
  [[nodiscard]] int32_t size() const { return static_cast<int32_t>(begins_.size()) - 1; }  ///< largest id + 1
  [[nodiscard]] std::optional<int32_t> find(std::string_view token) const;
  [[nodiscard]] std::string_view token(int32_t id) const;  ///< 0 <= id < size()

 private:
  struct Slot {
    uint32_t tag;
    int32_t id;  // -1: empty
  };
  [[nodiscard]] int32_t lookup(uint64_t hash, std::string_view prefix, std::string_view rest) const;
  [[nodiscard]] int32_t longest(std::string_view& rest, bool first) const;

  WordPieceOptions options_;
  std::string pool_;              // all tokens, one after the other
  std::vector<uint32_t> begins_;  // of each in the pool, and the end
  std::vector<Slot> slots_;       // open addressing, at most half full
  uint64_t prefix_hash_;
  size_t longest_token_ = 0;  // bytes
  int32_t unk_ = 0;
};

}  // namespace nxm
