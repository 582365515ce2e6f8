// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/wordpiece.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/io/json_fields.h"

namespace nxm {
namespace {

// FNV-1a: each step can be undone, so that one pass over a word gives the hash of each of its prefixes, longest first.
constexpr uint64_t kSeed = 0xCBF29CE484222325, kPrime = 0x100000001B3;

constexpr uint64_t inverse(uint64_t odd) {
  uint64_t x = odd;  // right in the lowest 3 bits; each step doubles them
  for (int bits = 3; bits < 64; bits *= 2) x *= 2 - odd * x;
  return x;
}
constexpr uint64_t kInverse = inverse(kPrime);
static_assert(kPrime * kInverse == 1);

uint64_t add_byte(uint64_t hash, char byte) { return (hash ^ static_cast<uint8_t>(byte)) * kPrime; }
uint64_t drop_byte(uint64_t hash, char byte) { return (hash * kInverse) ^ static_cast<uint8_t>(byte); }
uint64_t hash_of(std::string_view text, uint64_t hash = kSeed) {
  for (const char byte : text) hash = add_byte(hash, byte);
  return hash;
}
uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

size_t count_chars(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

}  // namespace

WordPiece::WordPiece(const std::vector<std::string>& tokens, WordPieceOptions options, std::string_view where)
    : options_(std::move(options)),
      slots_(std::bit_ceil(2 * tokens.size() + 1), Slot{0, -1}),
      prefix_hash_(hash_of(options_.continuing_subword_prefix)) {
  size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  pool_.reserve(bytes);
  begins_.reserve(tokens.size() + 1);
  begins_.push_back(0);
  for (const std::string& token : tokens) {
    const auto id = static_cast<int32_t>(begins_.size()) - 1;
    pool_ += token;
    begins_.push_back(static_cast<uint32_t>(pool_.size()));
    if (token.empty()) continue;
    const uint64_t hash = hash_of(token);
    if (const int32_t other = lookup(hash, {}, token); other >= 0) {
      fail(where, "token {} has the ids {} and {}. Keep one of them", shown_name(token), other, id);
    }
    size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {tag_of(hash), id};
    longest_token_ = std::max(longest_token_, token.size());
  }
  const auto unk = find(options_.unk_token);
  if (!unk) {
    fail(where, "the unknown token {} is not in the vocabulary. Add it, or name another",
         shown_name(options_.unk_token));
  }
  unk_ = *unk;
}

int32_t WordPiece::lookup(uint64_t hash, std::string_view prefix, std::string_view rest) const {
  for (size_t at = hash & (slots_.size() - 1); slots_[at].id >= 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].tag != tag_of(hash)) continue;
    const std::string_view found = token(slots_[at].id);
    if (found.size() == prefix.size() + rest.size() && found.starts_with(prefix) && found.ends_with(rest)) {
      return slots_[at].id;
    }
  }
  return -1;
}

// The id of the longest piece that `rest` begins with, and cuts `rest` down to it; -1: there is none.
// Ends inside of a character are tried too: no token ends there, all being UTF-8.
int32_t WordPiece::longest(std::string_view& rest, bool first) const {
  const std::string_view prefix = first ? std::string_view() : options_.continuing_subword_prefix;
  if (prefix.size() >= longest_token_) return -1;
  rest = rest.substr(0, longest_token_ - prefix.size());
  uint64_t hash = hash_of(rest, first ? kSeed : prefix_hash_);
  while (!rest.empty()) {
    if (const int32_t id = lookup(hash, prefix, rest); id >= 0) return id;
    hash = drop_byte(hash, rest.back());
    rest.remove_suffix(1);
  }
  return -1;
}

void WordPiece::tokenize(std::string_view word, std::vector<Token>& out) const {
  const size_t before = out.size();
  bool fits =
      word.size() <= options_.max_input_chars_per_word || count_chars(word) <= options_.max_input_chars_per_word;
  for (size_t at = 0; fits && at < word.size();) {
    std::string_view piece = word.substr(at);
    const int32_t id = longest(piece, at == 0);
    fits = id >= 0;
    out.push_back({id, static_cast<uint32_t>(at), static_cast<uint32_t>(at + piece.size())});
    at += piece.size();
  }
  if (!fits) {
    out.resize(before);
    out.push_back({unk_, 0, static_cast<uint32_t>(word.size())});
  }
}

std::optional<int32_t> WordPiece::find(std::string_view token) const {
  const int32_t id = token.empty() ? -1 : lookup(hash_of(token), {}, token);
  return id < 0 ? std::nullopt : std::optional(id);
}

std::string_view WordPiece::token(int32_t id) const {
  return std::string_view(pool_).substr(begins_[id], begins_[id + 1] - begins_[id]);
}

}  // namespace nxm
