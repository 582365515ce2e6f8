// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a tokenizer is made of, as its files tell it. For this room's readers and writers only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/text/added_tokens.h"
#include "nxm/text/normalizer.h"
#include "nxm/text/template.h"
#include "nxm/text/wordpiece.h"

namespace nxm {

struct TokenizerParts {
  std::vector<std::string> vocab;  ///< the model's, in order of id; "": an id that is not one of its
  std::vector<AddedToken> added;   ///< in the vocabulary too, or with ids of their own
  NormalizerOptions normalizer;
  WordPieceOptions wordpiece;
  Template single, pair;
};

/// Most ids without a token that a vocabulary may have: it is looked up by id, and one with more is not a vocabulary.
inline constexpr size_t kMaxHoles = 65536;

/// [CLS] a [SEP] and [CLS] a [SEP] b [SEP], types 0 and 1.
void set_bert_templates(TokenizerParts& parts, int32_t cls, int32_t sep);

/// Throws Error(where) for what nxm does not know, by name, and for everything that does not fit together.
TokenizerParts parse_tokenizer_json(std::string_view json, std::string_view where);
/// One that parse_tokenizer_json, and Hugging Face's tokenizers, read back to the same parts.
std::string write_tokenizer_json(const TokenizerParts& parts);

/// How a tokenizer_config.json beside a vocab.txt wants it to be read.
struct VocabOptions {
  NormalizerOptions normalizer;
  std::string unk = "[UNK]", cls = "[CLS]", sep = "[SEP]", pad = "[PAD]", mask = "[MASK]";
};
VocabOptions parse_tokenizer_config(std::string_view json, std::string_view where);
/// Throws Error(where) with the line: a byte order mark, invalid UTF-8, an empty line, a token twice; and for an unk,
/// cls or sep token that is not there.
TokenizerParts parse_vocab(std::string_view vocab_txt, const VocabOptions& options, std::string_view where);

}  // namespace nxm
