// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared by the text room's tests.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/io/json_fields.h"

namespace nxm {

/// A small tokenizer.json, to be changed by the tests.
inline Json small_tokenizer() {
  return Json::parse(R"({
    "version": "1.0", "truncation": {"max_length": 3}, "padding": null, "decoder": {"type": "whatever"},
    "added_tokens": [
      {"id": 0, "content": "[UNK]", "special": true},
      {"id": 1, "content": "[CLS]", "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false},
      {"id": 2, "content": "[SEP]", "special": true},
      {"id": 20, "content": "New York", "special": false, "normalized": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
      "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}},
               {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
      "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
      "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##a": 4, "b": 5, "##b": 6, "ab": 7, "##ab": 8, "aba": 9, ".": 10, "e": 11, "##e": 12}}
  })");
}

inline constexpr std::string_view kSmallVocab = "[UNK]\n[CLS]\n[SEP]\n[PAD]\na\n##a\nb\n##b\nab\n.\n";

/// Runs `action`; its Error must say each of `words`.
template <typename Action>
void expect_error(Action action, std::initializer_list<std::string_view> words) {
  try {
    action();
    ADD_FAILURE() << "no error that says " << *words.begin();
  } catch (const Error& error) {
    for (const std::string_view word : words) {
      EXPECT_NE(std::string_view(error.what()).find(word), std::string_view::npos)
          << error.what() << "\nlacks: " << word;
    }
  }
}

inline std::string random_bytes(Rng& rng, size_t size, std::string_view alphabet) {
  std::string text(size, '\0');
  for (char& c : text) c = alphabet[rng.below(alphabet.size())];
  return text;
}

/// Bytes of which UTF-8 and its mistakes are made.
inline constexpr std::string_view kUtf8Bytes =
    "aA "
    ".\t\r\n\x01\x7F\x80\x85\xA0\xAC\xBF\xC0\xC3\xC4\xCC\xCD\xE0\xE2\xE4\xEA\xED\xEF\xF0\xF4\xF5\xFF\x90\x81\xB0[SEP]";

}  // namespace nxm
