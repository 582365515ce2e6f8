// SPDX-License-Identifier: Apache-2.0
#pragma once
// BERT's tokeniser, identical to Hugging Face's `tokenizers` to the id and the offset.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nxm {

struct Encoding {
  std::vector<int32_t> ids;
  std::vector<int32_t> type_ids;                       ///< 0 for the first text, 1 for the second
  std::vector<std::pair<uint32_t, uint32_t>> offsets;  ///< [start, end) in bytes of its own text; 0,0 for [CLS], [SEP]
  uint32_t dropped = 0;                                ///< tokens that truncation removed
  void clear();
};

class Tokenizer {
 public:
  /// From `folder`/tokenizer.json, or else `folder`/vocab.txt with tokenizer_config.json's do_lower_case,
  /// strip_accents, tokenize_chinese_chars and names of special tokens. A config.json beside them must have room for
  /// every id, and as many ids as a vocab.txt has lines. Throws Error at load for everything that encode would trip
  /// over.
  static Tokenizer load(const std::filesystem::path& folder);
  static Tokenizer from_tokenizer_json(std::string_view json, std::string_view where);
  static Tokenizer from_vocab(std::string_view vocab_txt, bool lower_case, std::string_view where);

  /// [CLS] a [SEP] (b [SEP]), cut to `max_length` tokens in all by `longest_first` (max_length 0: no limit). Invalid
  /// UTF-8 is replaced by U+FFFD (offsets stay those of the given bytes). Thread-safe. `out`'s memory is reused.
  /// Throws UsageError if `max_length` has no room for the special tokens, Error for a text of 4 GiB or more, or for
  /// a pair where config.json has too few types of token.
  void encode(std::string_view a, std::optional<std::string_view> b, size_t max_length, Encoding& out) const;
  [[nodiscard]] Encoding encode(std::string_view a, std::optional<std::string_view> b = std::nullopt,
                                size_t max_length = 0) const;

  [[nodiscard]] int32_t vocab_size() const;  ///< largest id + 1
  [[nodiscard]] std::optional<int32_t> token_to_id(std::string_view token) const;
  /// "" for an id that stands for nothing.
  [[nodiscard]] std::string_view id_to_token(int32_t id) const;
  /// A tokenizer.json that HF's `tokenizers` loads and that encodes the same.
  [[nodiscard]] std::string to_json() const;

 private:
  struct Impl;
  explicit Tokenizer(std::shared_ptr<const Impl> impl);
  std::shared_ptr<const Impl> impl_;
};

}  // namespace nxm
