// SPDX-License-Identifier: Apache-2.0
// Reads a tokenizer.json. `truncation`, `padding` and `decoder` say nothing about ids and are not looked at: how long a
// text may be is the caller's word.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <set>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/io/json_fields.h"
#include "nxm/text/tokenizer_parts.h"

namespace nxm {
namespace {

// A key that nxm does not know may change the ids, so it is an error.
void check_keys(const JsonFields& fields, std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : fields.raw().items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      fields.reject(shown_name(key),
                    fmt::format("expected one of {}. nxm does not know this key", fmt::join(known, ", ")));
    }
  }
}

void check_type(const JsonFields& fields, std::initializer_list<std::string_view> known) {
  const std::string type = fields.string("type");
  if (std::find(known.begin(), known.end(), type) == known.end()) {
    fields.reject("type", fmt::format("expected {}, got {}. Only BERT's WordPiece tokenizers are supported",
                                      fmt::join(known, " or "), shown_name(type)));
  }
}

class Reader {
 public:
  Reader(std::string_view json, std::string_view where)
      : root_(parse_json(json, where)), fields_(root_, std::string(where)) {}

  TokenizerParts read() {
    if (fields_.string("version", "1.0") != "1.0") fields_.reject("version", "expected 1.0, got another");
    read_model();
    read_added_tokens();
    read_normalizer();
    const JsonFields pre_tokenizer = fields_.object("pre_tokenizer");
    check_type(pre_tokenizer, {"BertPreTokenizer"});
    check_keys(pre_tokenizer, {"type"});
    read_post_processor();
    return std::move(parts_);
  }

 private:
  void read_model() {
    const JsonFields model = fields_.object("model");
    check_type(model, {"WordPiece"});
    check_keys(model, {"type", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "vocab"});
    WordPieceOptions& options = parts_.wordpiece;
    options.unk_token = model.string("unk_token", options.unk_token);
    options.continuing_subword_prefix = model.string("continuing_subword_prefix", options.continuing_subword_prefix);
    options.max_input_chars_per_word = static_cast<size_t>(
        model.integer("max_input_chars_per_word", 0, kMaxWord, static_cast<int64_t>(options.max_input_chars_per_word)));
    const JsonFields vocab = model.object("vocab");
    const auto largest = static_cast<int64_t>(vocab.raw().size() + kMaxHoles);
    for (const auto& [token, value] : vocab.raw().items()) {
      if (token.empty()) vocab.reject("''", "a token must not be empty. Remove it");
      const auto id = static_cast<size_t>(vocab.integer(token, 0, largest));
      if (id >= parts_.vocab.size()) parts_.vocab.resize(id + 1);
      if (!parts_.vocab[id].empty()) {
        vocab.reject(shown_name(token), fmt::format("id {} is that of {} too. Every token needs its own", id,
                                                    shown_name(parts_.vocab[id])));
      }
      parts_.vocab[id] = token;
    }
  }

  void read_added_tokens() {
    if (!fields_.has("added_tokens")) return;
    const Json& array = fields_.array("added_tokens");
    const Json& vocab = root_["model"]["vocab"];
    const auto largest = static_cast<int64_t>(parts_.vocab.size() + array.size() + kMaxHoles);
    std::set<std::string_view> seen;
    for (size_t i = 0; i < array.size(); ++i) {
      const JsonFields item(array[i], fields_.where(), fmt::format("$.added_tokens[{}]", i));
      check_keys(item, {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"});
      AddedToken token;
      token.content = item.string("content");
      token.id = static_cast<int32_t>(item.integer("id", 0, largest));
      token.special = item.boolean("special", false);
      token.lstrip = item.boolean("lstrip", false);
      token.rstrip = item.boolean("rstrip", false);
      token.normalized = item.boolean("normalized", !token.special);
      if (item.boolean("single_word", false)) item.reject("single_word", "expected false, nxm does not know true");
      if (token.content.empty()) item.reject("content", "a token must not be empty. Remove it");
      if (!seen.insert(array[i]["content"].get_ref<const std::string&>()).second) {
        item.reject("content", fmt::format("{} is added twice. Keep one of them", shown_name(token.content)));
      }
      const auto known = vocab.find(token.content);
      if (known != vocab.end() ? *known != token.id : !own_ids_.insert(token.id).second || is_model_id(token.id)) {
        item.reject("id",
                    fmt::format("{} cannot be the id of {}: {}. Correct the file", token.id, shown_name(token.content),
                                known != vocab.end() ? "the vocabulary has another" : "it is another token's"));
      }
      parts_.added.push_back(std::move(token));
    }
  }

  void read_normalizer() {
    if (!fields_.has("normalizer")) {
      parts_.normalizer = {false, false, false, false};
      return;
    }
    const JsonFields normalizer = fields_.object("normalizer");
    check_type(normalizer, {"BertNormalizer"});
    check_keys(normalizer, {"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"});
    NormalizerOptions& options = parts_.normalizer;
    options.clean_text = normalizer.boolean("clean_text", true);
    options.handle_chinese_chars = normalizer.boolean("handle_chinese_chars", true);
    options.lowercase = normalizer.boolean("lowercase", true);
    options.strip_accents = normalizer.boolean("strip_accents", options.lowercase);
  }

  void read_post_processor() {
    using Kind = TemplateItem::Kind;
    if (!fields_.has("post_processor")) {
      parts_.single = {{Kind::kFirst, 0}};
      parts_.pair = {{Kind::kFirst, 0}, {Kind::kSecond, 1}};
      return;
    }
    const JsonFields processor = fields_.object("post_processor");
    check_type(processor, {"TemplateProcessing", "BertProcessing"});
    if (processor.string("type") == "BertProcessing") {
      check_keys(processor, {"type", "sep", "cls"});
      set_bert_templates(parts_, read_named_id(processor, "cls"), read_named_id(processor, "sep"));
      return;
    }
    check_keys(processor, {"type", "single", "pair", "special_tokens"});
    parts_.single = read_template(processor, "single", 1, 0);
    parts_.pair = read_template(processor, "pair", 1, 1);
  }

  // ["[SEP]", 102]
  int32_t read_named_id(const JsonFields& processor, std::string_view key) const {
    const Json& pair = processor.array(key);
    if (pair.size() != 2 || !pair[0].is_string())
      processor.reject(key, "expected a token and its id. Correct the file");
    return checked_id(processor, key, pair[1]);
  }

  Template read_template(const JsonFields& processor, std::string_view key, int firsts, int seconds) const {
    using Kind = TemplateItem::Kind;
    const Json& array = processor.array(key);
    const JsonFields specials = processor.object("special_tokens");
    Template items;
    for (size_t i = 0; i < array.size(); ++i) {
      const JsonFields item(array[i], fields_.where(), fmt::format("$.post_processor.{}[{}]", key, i));
      check_keys(item, {"SpecialToken", "Sequence"});
      const bool special = item.has("SpecialToken");
      const JsonFields piece = item.object(special ? "SpecialToken" : "Sequence");
      check_keys(piece, {"id", "type_id"});
      const auto type_id = static_cast<int32_t>(piece.integer("type_id", 0, std::numeric_limits<int32_t>::max()));
      const std::string id = piece.string("id");
      if (special) {
        if (!specials.has(id)) piece.reject("id", fmt::format("{} is not in special_tokens. Add it", shown_name(id)));
        const JsonFields token = specials.object(id);
        check_keys(token, {"id", "ids", "tokens"});
        for (const Json& number : token.array("ids")) {
          items.push_back({Kind::kSpecial, type_id, checked_id(token, "ids", number)});
          if (items.size() > kMaxTemplate)
            processor.reject(key, fmt::format("expected at most {} tokens", kMaxTemplate));
        }
      } else if (id == "A" || id == "B") {
        items.push_back({id == "A" ? Kind::kFirst : Kind::kSecond, type_id});
        (id == "A" ? firsts : seconds) -= 1;
      } else {
        piece.reject("id", fmt::format("expected A or B, got {}. Correct the file", shown_name(id)));
      }
    }
    if (firsts != 0 || seconds != 0) {
      processor.reject(key, "expected every text once: A in single, A and B in pair. Correct the file");
    }
    return items;
  }

  int32_t checked_id(const JsonFields& fields, std::string_view key, const Json& number) const {
    const bool whole = number.is_number_unsigned() && number.get<uint64_t>() <= std::numeric_limits<int32_t>::max();
    const int32_t id = whole ? number.get<int32_t>() : -1;
    if (!is_model_id(id) && !own_ids_.contains(id)) {
      fields.reject(key,
                    fmt::format("expected the id of a token, got {}. Add the token, or correct the id", shown(number)));
    }
    return id;
  }

  bool is_model_id(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < parts_.vocab.size() && !parts_.vocab[id].empty();
  }

  // A template is a handful of tokens; a file could make it as long as the square of its own size.
  static constexpr size_t kMaxTemplate = 64;
  static constexpr int64_t kMaxWord = 1 << 20;  // no word is; the others are 100

  Json root_;
  JsonFields fields_;
  TokenizerParts parts_;
  std::set<int32_t> own_ids_;  // of added tokens that the model does not know
};

}  // namespace

void set_bert_templates(TokenizerParts& parts, int32_t cls, int32_t sep) {
  using Kind = TemplateItem::Kind;
  parts.single = {{Kind::kSpecial, 0, cls}, {Kind::kFirst, 0}, {Kind::kSpecial, 0, sep}};
  parts.pair = parts.single;
  parts.pair.push_back({Kind::kSecond, 1});
  parts.pair.push_back({Kind::kSpecial, 1, sep});
}

TokenizerParts parse_tokenizer_json(std::string_view json, std::string_view where) {
  return Reader(json, where).read();
}

}  // namespace nxm
