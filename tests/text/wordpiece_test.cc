// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/wordpiece.h"

#include <algorithm>
#include <map>

#include "text/support.h"

namespace nxm {
namespace {

// As the definition has it: try every prefix, longest first.
std::vector<std::string> by_definition(const std::map<std::string, int32_t>& vocab, const WordPieceOptions& options,
                                       const std::string& word, size_t chars) {
  std::vector<std::string> pieces;
  if (chars > options.max_input_chars_per_word) return {options.unk_token};
  for (size_t at = 0; at < word.size();) {
    size_t size = word.size() - at;
    const std::string prefix = at == 0 ? "" : options.continuing_subword_prefix;
    while (size > 0 && !vocab.contains(prefix + word.substr(at, size))) --size;
    if (size == 0) return {options.unk_token};
    pieces.push_back(prefix + word.substr(at, size));
    at += size;
  }
  return pieces;
}

TEST(WordPiece, EqualsItsDefinitionOnRandomVocabularies) {
  Rng rng(4, "wordpiece");
  const std::string letters[] = {"a", "b", "#", "\u00E9", "\U0001F600"};
  const auto random_word = [&](size_t longest) {
    std::string word;
    for (uint64_t n = 1 + rng.below(longest); n > 0; --n) word += letters[rng.below(std::size(letters))];
    return word;
  };
  for (int round = 0; round < 400; ++round) {
    WordPieceOptions options;
    options.unk_token = "?";
    options.continuing_subword_prefix = std::string("##").substr(0, rng.below(3));
    options.max_input_chars_per_word = rng.below(12);
    std::vector<std::string> tokens{"?"};
    std::map<std::string, int32_t> vocab{{"?", 0}};
    for (uint64_t n = rng.below(60); n > 0; --n) {
      std::string token = (rng.below(2) != 0 ? options.continuing_subword_prefix : "") + random_word(4);
      if (vocab.emplace(token, static_cast<int32_t>(tokens.size())).second) tokens.push_back(token);
      if (rng.below(8) == 0) tokens.emplace_back();  // an id that stands for nothing
    }
    const WordPiece model(tokens, options, "test");
    ASSERT_EQ(model.size(), static_cast<int32_t>(tokens.size()));
    for (int i = 0; i < 50; ++i) {
      const std::string word = random_word(10);
      const auto chars = static_cast<size_t>(
          std::count_if(word.begin(), word.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
      std::vector<Token> found{{-7, 1, 2}};  // what is there stays
      model.tokenize(word, found);
      EXPECT_EQ(found[0].id, -7);
      std::vector<std::string> pieces;
      for (size_t k = 1; k < found.size(); ++k) pieces.emplace_back(model.token(found[k].id));
      ASSERT_EQ(pieces, by_definition(vocab, options, word, chars)) << word;
      EXPECT_EQ(found[1].begin, 0U);
      EXPECT_EQ(found.back().end, word.size());
      for (size_t k = 2; k < found.size(); ++k) EXPECT_EQ(found[k - 1].end, found[k].begin);
    }
    for (const auto& [token, id] : vocab) EXPECT_EQ(model.find(token), id);
    EXPECT_EQ(model.find(""), std::nullopt);
    EXPECT_EQ(model.find("aaaaaaaaaaa"), std::nullopt);
  }
}

TEST(WordPiece, RefusesWhatItCannotUse) {
  const auto make = [](std::vector<std::string> tokens) { WordPiece(tokens, {}, "v.txt"); };
  expect_error([&] { make({"a", "b"}); }, {"[v.txt]", "'[UNK]' is not in the vocabulary"});
  expect_error([&] { make({}); }, {"'[UNK]'"});
  expect_error([&] { make({"[UNK]", "a", "", "a"}); }, {"[v.txt]", "token 'a' has the ids 1 and 3"});
}

}  // namespace
}  // namespace nxm
