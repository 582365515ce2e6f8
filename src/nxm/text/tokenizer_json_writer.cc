// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "nxm/io/json_fields.h"
#include "nxm/text/tokenizer_parts.h"

namespace nxm {
namespace {

std::string token_of(const TokenizerParts& parts, int32_t id) {
  const auto added = std::find_if(parts.added.begin(), parts.added.end(), [id](const auto& t) { return t.id == id; });
  return added != parts.added.end() ? added->content : parts.vocab[id];
}

OrderedJson added_tokens_json(const TokenizerParts& parts) {
  OrderedJson array = OrderedJson::array();
  for (const AddedToken& token : parts.added) {
    array.push_back({{"id", token.id},
                     {"content", token.content},
                     {"single_word", false},
                     {"lstrip", token.lstrip},
                     {"rstrip", token.rstrip},
                     {"normalized", token.normalized},
                     {"special", token.special}});
  }
  return array;
}

OrderedJson normalizer_json(const NormalizerOptions& options) {
  return {{"type", "BertNormalizer"},
          {"clean_text", options.clean_text},
          {"handle_chinese_chars", options.handle_chinese_chars},
          {"strip_accents", options.strip_accents},
          {"lowercase", options.lowercase}};
}

OrderedJson template_json(const TokenizerParts& parts, const Template& items) {
  OrderedJson array = OrderedJson::array();
  for (const TemplateItem& item : items) {
    const bool special = item.kind == TemplateItem::Kind::kSpecial;
    const std::string id = special ? token_of(parts, item.id) : item.kind == TemplateItem::Kind::kFirst ? "A" : "B";
    array.push_back({{special ? "SpecialToken" : "Sequence", {{"id", id}, {"type_id", item.type_id}}}});
  }
  return array;
}

OrderedJson post_processor_json(const TokenizerParts& parts) {
  OrderedJson specials = OrderedJson::object();
  for (const Template* items : {&parts.single, &parts.pair}) {
    for (const TemplateItem& item : *items) {
      if (item.kind != TemplateItem::Kind::kSpecial) continue;
      const std::string name = token_of(parts, item.id);
      specials[name] = {{"id", name}, {"ids", {item.id}}, {"tokens", {name}}};
    }
  }
  return {{"type", "TemplateProcessing"},
          {"single", template_json(parts, parts.single)},
          {"pair", template_json(parts, parts.pair)},
          {"special_tokens", specials}};
}

}  // namespace

std::string write_tokenizer_json(const TokenizerParts& parts) {
  const std::string& prefix = parts.wordpiece.continuing_subword_prefix;
  const OrderedJson all = {{"version", "1.0"},
                           {"truncation", nullptr},
                           {"padding", nullptr},
                           {"added_tokens", added_tokens_json(parts)},
                           {"normalizer", normalizer_json(parts.normalizer)},
                           {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
                           {"post_processor", post_processor_json(parts)},
                           {"decoder", {{"type", "WordPiece"}, {"prefix", prefix}, {"cleanup", true}}},
                           {"model",
                            {{"type", "WordPiece"},
                             {"unk_token", parts.wordpiece.unk_token},
                             {"continuing_subword_prefix", prefix},
                             {"max_input_chars_per_word", parts.wordpiece.max_input_chars_per_word}}}};
  // The vocabulary goes in as text: an OrderedJson looks through all keys for each new one.
  std::string text = all.dump();
  text.resize(text.size() - 2);  // }}
  text += ",\"vocab\":{";
  for (size_t id = 0; id < parts.vocab.size(); ++id) {
    if (parts.vocab[id].empty()) continue;
    if (text.back() != '{') text += ',';
    text += Json(parts.vocab[id]).dump();
    text += ':';
    text += std::to_string(id);
  }
  text += "}}}";
  return text;
}

}  // namespace nxm
