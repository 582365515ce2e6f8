// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/tokenizer.h"
#include "nxm/text/tokenizer_parts.h"
#include "text/support.h"

namespace nxm {
namespace {

Tokenizer from(const std::string& text) { return Tokenizer::from_vocab(text, true, "vocab.txt"); }

TEST(Vocab, LineEndingsDoNotMatter) {
  const std::string unix_lines(kSmallVocab);
  std::string windows;
  for (const char c : unix_lines) windows += c == '\n' ? "\r\n" : std::string(1, c);
  const std::string unfinished = unix_lines.substr(0, unix_lines.size() - 1);
  for (const std::string& text : {unix_lines, windows, unfinished}) {
    const Tokenizer tokenizer = from(text);
    EXPECT_EQ(tokenizer.vocab_size(), 10);
    EXPECT_EQ(tokenizer.encode("AB ab. [PAD]").ids, (std::vector<int32_t>{1, 8, 8, 9, 3, 2}));
  }
}

TEST(Vocab, RefusalsNameTheLine) {
  const std::string good(kSmallVocab);
  expect_error([&] { from("\xEF\xBB\xBF" + good); }, {"[vocab.txt]", "line 1", "byte order mark"});
  expect_error([&] { from(good + "\nz\n"); }, {"line 11", "empty"});
  expect_error([&] { from(good + "c\n \t\n"); }, {"line 12", "empty"});
  expect_error([&] { from(good + "a\xC3\n"); }, {"line 11", "byte 2"});
  expect_error([&] { from(good + "ab\n"); }, {"line 11", "'ab'", "line 9 already"});
  expect_error([&] { from(""); }, {"'[UNK]'", "0 lines"});
  for (const char* missing : {"[UNK]", "[CLS]", "[SEP]"}) {
    std::string text = good;
    text.replace(text.find(missing), 5, "other");
    expect_error([&] { from(text); }, {missing, "none of the 10 lines"});
  }
}

TEST(Vocab, TheConfigNamesTokensAndNormalisation) {
  const VocabOptions options = parse_tokenizer_config(
      R"({"do_lower_case": false, "tokenize_chinese_chars": false, "unk_token": "<unk>", "cls_token": {"content": "<s>"},
          "sep_token": "<unk>", "pad_token": null, "model_max_length": 512})",
      "tokenizer_config.json");
  EXPECT_FALSE(options.normalizer.lowercase || options.normalizer.strip_accents ||
               options.normalizer.handle_chinese_chars);
  EXPECT_EQ(options.unk + options.cls + options.sep + options.pad, "<unk><s><unk>[PAD]");
  const TokenizerParts parts = parse_vocab("<s>\n<unk>\na\n", options, "v");
  EXPECT_EQ(parts.added.size(), 2U);  // <unk> once, though it has two tasks
  EXPECT_EQ(parts.wordpiece.unk_token, "<unk>");
  EXPECT_TRUE(parse_tokenizer_config("{}", "c").normalizer.strip_accents);
  EXPECT_TRUE(
      parse_tokenizer_config(R"({"do_lower_case": false, "strip_accents": true})", "c").normalizer.strip_accents);
}

TEST(Vocab, ABrokenConfigIsRefused) {
  for (const char* text : {"", "[]", R"({"do_lower_case": "yes"})", R"({"unk_token": 7})", R"({"unk_token": {}})"}) {
    expect_error([&] { parse_tokenizer_config(text, "tokenizer_config.json"); }, {"[tokenizer_config.json]"});
  }
}

}  // namespace
}  // namespace nxm
