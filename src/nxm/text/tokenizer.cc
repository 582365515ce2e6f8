// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/tokenizer.h"

#include <algorithm>
#include <limits>
#include <system_error>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/json_fields.h"
#include "nxm/text/pre_tokenizer.h"
#include "nxm/text/tokenizer_parts.h"

namespace nxm {
namespace {

TokenMatcher matcher_of(const TokenizerParts& parts, const Normalizer& normalizer, bool normalized,
                        std::string_view where) {
  std::vector<TokenMatcher::Pattern> patterns;
  for (const bool special : {true, false}) {  // in this order tokenizers looks for them
    for (const AddedToken& token : parts.added) {
      if (token.normalized != normalized || token.special != special) continue;
      std::string text = token.content;
      if (normalized) {
        Normalized result;
        normalizer.normalize(token.content, 0, result);
        text = result.text;
        if (text.empty())
          fail(where, "nothing is left of the added token {} after normalisation. Remove it",
               shown_name(token.content));
      }
      patterns.push_back({std::move(text), token.id, token.lstrip, token.rstrip});
    }
  }
  return TokenMatcher(std::move(patterns));
}

// Calls found(Match) for each match in `text` and between(begin, end) for what lies between them, in order.
template <typename Between, typename Found>
void split(const TokenMatcher& matcher, std::string_view text, Between between, Found found) {
  for (size_t at = 0; at < text.size();) {
    const TokenMatcher::Match match = matcher.next(text, at);
    if (at < match.begin) between(at, match.begin);
    if (match.begin < match.end) found(match);
    at = match.end;
  }
}

uint32_t narrow(size_t place) { return static_cast<uint32_t>(place); }

void push(Encoding& out, int32_t id, int32_t type_id, std::pair<uint32_t, uint32_t> offsets) {
  out.ids.push_back(id);
  out.type_ids.push_back(type_id);
  out.offsets.push_back(offsets);
}

bool is_there(const std::filesystem::path& path) {
  std::error_code error;  // whatever is wrong with it is said when it is opened
  return std::filesystem::exists(path, error) || error;
}

}  // namespace

void Encoding::clear() {
  ids.clear();
  type_ids.clear();
  offsets.clear();
  dropped = 0;
}

struct Tokenizer::Impl {
  Impl(TokenizerParts all, std::string_view where)
      : parts(std::move(all)),
        normalizer(parts.normalizer),
        wordpiece(parts.vocab, parts.wordpiece, where),
        raw_matcher(matcher_of(parts, normalizer, false, where)),
        normalized_matcher(matcher_of(parts, normalizer, true, where)),
        vocab_size(wordpiece.size()) {
    for (const AddedToken& token : parts.added) vocab_size = std::max(vocab_size, token.id + 1);
  }

  // One text's tokens, with their places in it, into `out`.
  void tokenize(std::string_view text, Normalized& normalized, std::vector<Token>& out) const {
    if (text.size() > std::numeric_limits<uint32_t>::max()) {
      fail("tokenizer", "expected a text below 4 GiB, got {} bytes. Split it", text.size());
    }
    split(
        raw_matcher, text,
        [&](size_t begin, size_t end) {
          normalized.clear();
          normalizer.normalize(text.substr(begin, end - begin), narrow(begin), normalized);
          split(
              normalized_matcher, normalized.text,
              [&](size_t from, size_t to) { tokenize_words(normalized, from, to, out); },
              [&](const TokenMatcher::Match& match) {
                const ByteRange range = normalized.range(match.begin, match.end);
                out.push_back({match.id, range.first, range.second});
              });
        },
        [&](const TokenMatcher::Match& match) {
          out.push_back({match.id, narrow(match.begin), narrow(match.end)});
        });
  }

  void tokenize_words(const Normalized& normalized, size_t from, size_t to, std::vector<Token>& out) const {
    const std::string_view text = std::string_view(normalized.text).substr(0, to);
    for (Word word = next_word(text, from); word.begin < word.end; word = next_word(text, word.end)) {
      const size_t first = out.size();
      wordpiece.tokenize(text.substr(word.begin, word.end - word.begin), out);
      for (size_t i = first; i < out.size(); ++i) {
        const ByteRange range = normalized.range(word.begin + out[i].begin, word.begin + out[i].end);
        out[i].begin = range.first;
        out[i].end = range.second;
      }
    }
  }

  TokenizerParts parts;
  Normalizer normalizer;
  WordPiece wordpiece;
  TokenMatcher raw_matcher, normalized_matcher;
  int32_t vocab_size;
  bool takes_pairs = true;  ///< the model has as many types of token as the pair's template
};

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Tokenizer Tokenizer::load(const std::filesystem::path& folder) {
  const auto json = folder / "tokenizer.json", vocab = folder / "vocab.txt", options = folder / "tokenizer_config.json";
  const bool from_json = is_there(json);
  if (!from_json && !is_there(vocab)) {
    fail(folder.string(),
         "expected tokenizer.json or vocab.txt in this folder, found neither. Is it a model's folder?");
  }
  const std::string where = (from_json ? json : vocab).string();
  TokenizerParts parts =
      from_json ? parse_tokenizer_json(read_file(json), where)
                : parse_vocab(
                      read_file(vocab),
                      is_there(options) ? parse_tokenizer_config(read_file(options), options.string()) : VocabOptions{},
                      where);
  bool takes_pairs = true;
  int64_t rows = -1;
  const auto path = folder / "config.json";
  if (is_there(path)) {
    const Json config = parse_json(read_file(path), path.string());
    const JsonFields fields(config, path.string());
    constexpr int64_t kMany = std::numeric_limits<int32_t>::max();
    const int64_t types = fields.integer("type_vocab_size", 1, kMany, 2);  // BERT's, where the file does not say
    const auto beyond = [types](const TemplateItem& item) { return item.type_id >= types; };
    if (const auto bad = std::ranges::find_if(parts.single, beyond); bad != parts.single.end()) {
      fail(where, "makes the type id {}, but {} says type_vocab_size {}. Correct one of them", bad->type_id,
           path.string(), types);
    }
    takes_pairs = std::ranges::none_of(parts.pair, beyond);
    rows = fields.integer("vocab_size", 1, kMany, -1);
  }
  const auto impl = std::make_shared<Impl>(std::move(parts), where);
  impl->takes_pairs = takes_pairs;
  Tokenizer tokenizer(impl);
  // Embeddings may have spare rows; but a vocab.txt that is shorter has been cut off.
  if (const int64_t ids = tokenizer.vocab_size(); rows >= 0 && (ids > rows || (!from_json && ids < rows))) {
    fail(where, "has {} ids, but {} says vocab_size {}. The files are not of the same model; fetch both again", ids,
         path.string(), rows);
  }
  return tokenizer;
}

Tokenizer Tokenizer::from_tokenizer_json(std::string_view json, std::string_view where) {
  return Tokenizer(std::make_shared<const Impl>(parse_tokenizer_json(json, where), where));
}

Tokenizer Tokenizer::from_vocab(std::string_view vocab_txt, bool lower_case, std::string_view where) {
  VocabOptions options;
  options.normalizer.lowercase = options.normalizer.strip_accents = lower_case;
  return Tokenizer(std::make_shared<const Impl>(parse_vocab(vocab_txt, options, where), where));
}

void Tokenizer::encode(std::string_view a, std::optional<std::string_view> b, size_t max_length, Encoding& out) const {
  if (b && !impl_->takes_pairs) {
    fail("tokenizer", "the model knows too few types of token (type_vocab_size) for pairs of texts. Give one text");
  }
  // Kept from text to text, so that no token costs an allocation.
  thread_local Normalized normalized;
  thread_local std::vector<Token> first, second;
  first.clear();
  second.clear();
  impl_->tokenize(a, normalized, first);
  if (b) impl_->tokenize(*b, normalized, second);

  const Template& items = b ? impl_->parts.pair : impl_->parts.single;
  const size_t special = count_special(items);
  size_t keep_first = first.size(), keep_second = second.size();
  if (max_length > 0) {
    if (max_length < special) {
      fail_usage("tokenizer", "max_length {} has no room for the {} special tokens. Raise it", max_length, special);
    }
    std::tie(keep_first, keep_second) = longest_first(first.size(), second.size(), max_length - special);
  }
  out.clear();
  out.dropped = narrow(first.size() - keep_first + second.size() - keep_second);
  const size_t total = special + keep_first + keep_second;
  out.ids.reserve(total);
  out.type_ids.reserve(total);
  out.offsets.reserve(total);
  for (const TemplateItem& item : items) {
    if (item.kind == TemplateItem::Kind::kSpecial) {
      push(out, item.id, item.type_id, {0, 0});
      continue;
    }
    const bool is_first = item.kind == TemplateItem::Kind::kFirst;
    const std::vector<Token>& tokens = is_first ? first : second;
    const size_t keep = is_first ? keep_first : keep_second;
    for (size_t i = 0; i < keep; ++i) push(out, tokens[i].id, item.type_id, {tokens[i].begin, tokens[i].end});
  }
}

Encoding Tokenizer::encode(std::string_view a, std::optional<std::string_view> b, size_t max_length) const {
  Encoding out;
  encode(a, b, max_length, out);
  return out;
}

int32_t Tokenizer::vocab_size() const { return impl_->vocab_size; }

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  for (const AddedToken& added : impl_->parts.added) {
    if (added.content == token) return added.id;
  }
  return impl_->wordpiece.find(token);
}

std::string_view Tokenizer::id_to_token(int32_t id) const {
  require(id >= 0 && id < impl_->vocab_size, "id_to_token: no such id");
  for (const AddedToken& added : impl_->parts.added) {
    if (added.id == id) return added.content;
  }
  return id < impl_->wordpiece.size() ? impl_->wordpiece.token(id) : std::string_view();
}

std::string Tokenizer::to_json() const { return write_tokenizer_json(impl_->parts); }

}  // namespace nxm
