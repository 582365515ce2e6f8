// SPDX-License-Identifier: Apache-2.0
// Reads a vocab.txt (one token a line) and the tokenizer_config.json beside it.
#include <fmt/format.h>

#include <unordered_map>

#include "nxm/core/error.h"
#include "nxm/io/json_fields.h"
#include "nxm/text/tokenizer_parts.h"
#include "nxm/text/unicode.h"

namespace nxm {
namespace {

// Without white space at its end, which takes the \r of a CRLF with it; tokenizers does the same.
std::string_view trimmed(std::string_view line) {
  size_t end = 0;
  for (size_t at = 0; at < line.size();) {
    const CodePoint cp = decode_utf8(line, at);
    at += cp.bytes;
    if (!is_whitespace(cp.value)) end = at;
  }
  return line.substr(0, end);
}

// "[SEP]" or {"content": "[SEP]", …}
std::string token_name(const JsonFields& config, std::string_view key, const std::string& fallback) {
  if (!config.has(key)) return fallback;
  return config.raw().at(std::string(key)).is_object() ? config.object(key).string("content") : config.string(key);
}

}  // namespace

VocabOptions parse_tokenizer_config(std::string_view json, std::string_view where) {
  const Json root = parse_json(json, where);
  const JsonFields config(root, std::string(where));
  VocabOptions options;
  options.normalizer.lowercase = config.boolean("do_lower_case", true);
  options.normalizer.strip_accents = config.boolean("strip_accents", options.normalizer.lowercase);
  options.normalizer.handle_chinese_chars = config.boolean("tokenize_chinese_chars", true);
  options.unk = token_name(config, "unk_token", options.unk);
  options.cls = token_name(config, "cls_token", options.cls);
  options.sep = token_name(config, "sep_token", options.sep);
  options.pad = token_name(config, "pad_token", options.pad);
  options.mask = token_name(config, "mask_token", options.mask);
  return options;
}

TokenizerParts parse_vocab(std::string_view vocab_txt, const VocabOptions& options, std::string_view where) {
  if (vocab_txt.starts_with("\xEF\xBB\xBF")) {
    fail(where, "line 1: expected a token, found a byte order mark. Save the file without it");
  }
  TokenizerParts parts;
  std::unordered_map<std::string_view, int32_t> ids;
  while (!vocab_txt.empty()) {
    const size_t end = vocab_txt.find('\n');
    const std::string_view line = vocab_txt.substr(0, end);
    vocab_txt.remove_prefix(end == std::string_view::npos ? vocab_txt.size() : end + 1);
    const auto id = static_cast<int32_t>(parts.vocab.size());
    if (const size_t at = find_invalid_utf8(line); at != std::string_view::npos) {
      fail(where, "line {}: expected UTF-8, byte {} of the line is not. Fetch the file again", id + 1, at + 1);
    }
    const std::string_view token = trimmed(line);
    if (token.empty()) fail(where, "line {}: expected a token, the line is empty. Remove it", id + 1);
    const auto [first, is_new] = ids.emplace(token, id);
    if (!is_new) {
      fail(where, "line {}: the token {} stands in line {} already. Every token needs its own", id + 1,
           shown_name(token), first->second + 1);
    }
    parts.vocab.emplace_back(token);
  }
  for (const std::string* name : {&options.unk, &options.cls, &options.sep}) {
    if (!ids.contains(*name)) {
      fail(where, "expected the token {}, none of the {} lines is. Is this the vocabulary of a BERT model?",
           shown_name(*name), parts.vocab.size());
    }
  }
  set_bert_templates(parts, ids.at(options.cls), ids.at(options.sep));
  parts.normalizer = options.normalizer;
  parts.wordpiece.unk_token = options.unk;
  for (const std::string* name : {&options.pad, &options.unk, &options.cls, &options.sep, &options.mask}) {
    const auto found = ids.find(*name);
    if (found == ids.end()) continue;
    parts.added.push_back({*name, found->second});
    ids.erase(found);  // one token may have two tasks
  }
  return parts;
}

}  // namespace nxm
