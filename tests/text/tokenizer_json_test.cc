// SPDX-License-Identifier: Apache-2.0
// Everything that a tokenizer.json can get wrong is refused at load, with its place in the file.
#include "nxm/text/tokenizer.h"
#include "text/support.h"

namespace nxm {
namespace {

// `place` is a JSON pointer of the small tokenizer; "null" as text removes it.
struct Change {
  const char* place;
  const char* value;
  std::initializer_list<std::string_view> words;
};

const Change kBad[] = {
    {"/version", R"("2.0")", {"$.version", "1.0"}},
    {"/model", "null", {"$.model: expected an object"}},
    {"/model/type", R"("BPE")", {"$.model.type", "WordPiece", "BPE"}},
    {"/model/type", "null", {"$.model.type"}},
    {"/model/dropout", "0.1", {"'dropout'", "does not know this key"}},
    {"/model/unk_token", R"("[unk]")", {"'[unk]' is not in the vocabulary"}},
    {"/model/max_input_chars_per_word", "-1", {"$.model.max_input_chars_per_word", "-1"}},
    {"/model/vocab", "[]", {"$.model.vocab", "an array"}},
    {"/model/vocab", "{}", {"'[UNK]' is not in the vocabulary"}},
    {"/model/vocab/a", "-1", {"$.model.vocab.a", "-1"}},
    {"/model/vocab/a", "3.5", {"$.model.vocab.a", "3.5"}},
    {"/model/vocab/a", R"("3")", {"$.model.vocab.a"}},
    {"/model/vocab/a", "4294967299", {"$.model.vocab.a", "4294967299"}},
    {"/model/vocab/a", "999999999", {"$.model.vocab.a", "999999999"}},
    {"/model/vocab/a", "5", {"id 5", "'a'", "'b'"}},
    {"/model/vocab/", "30", {"must not be empty"}},
    {"/added_tokens", "{}", {"$.added_tokens"}},
    {"/added_tokens/0", "7", {"$.added_tokens[0]", "expected an object"}},
    {"/added_tokens/0/id", "7", {"$.added_tokens[0].id", "'[UNK]'", "the vocabulary has another"}},
    {"/added_tokens/3/id", "7", {"$.added_tokens[3].id", "'New York'", "another token's"}},
    {"/added_tokens/3/id", "99999999", {"$.added_tokens[3].id"}},
    {"/added_tokens/3/content", R"("")", {"$.added_tokens[3].content", "must not be empty"}},
    {"/added_tokens/3/content", R"("[SEP]")", {"$.added_tokens[3].content", "twice"}},
    {"/added_tokens/3/content", "\"\\u0301\"", {"nothing is left of the added token"}},
    {"/added_tokens/3/single_word", "true", {"$.added_tokens[3].single_word"}},
    {"/added_tokens/3/colour", "true", {"'colour'"}},
    {"/normalizer/type", R"("NFKC")", {"$.normalizer.type", "BertNormalizer", "NFKC"}},
    {"/normalizer/clean_text", "1", {"$.normalizer.clean_text"}},
    {"/normalizer/swap_case", "true", {"'swap_case'"}},
    {"/pre_tokenizer", "null", {"$.pre_tokenizer"}},
    {"/pre_tokenizer/type", R"("ByteLevel")", {"$.pre_tokenizer.type", "ByteLevel"}},
    {"/pre_tokenizer/x", "1", {"'x'"}},
    {"/post_processor/type", R"("RobertaProcessing")", {"$.post_processor.type", "RobertaProcessing"}},
    {"/post_processor",
     R"({"type": "BertProcessing", "sep": ["[SEP]"], "cls": ["[CLS]", 1]})",
     {"$.post_processor.sep"}},
    {"/post_processor",
     R"({"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 99]})",
     {"$.post_processor.cls"}},
    {"/post_processor/single", "null", {"$.post_processor.single"}},
    {"/post_processor/single/0", "7", {"$.post_processor.single[0]"}},
    {"/post_processor/single/0/Other", "7", {"$.post_processor.single[0]", "'Other'"}},
    {"/post_processor/single/0/SpecialToken/id", R"("[BOS]")", {"'[BOS]' is not in special_tokens"}},
    {"/post_processor/single/0/SpecialToken/type_id", "-1", {"type_id"}},
    {"/post_processor/single/0/SpecialToken/x", "1", {"'x'"}},
    {"/post_processor/single/1/Sequence/id", R"("C")", {"A or B"}},
    {"/post_processor/single/1/Sequence/id", R"("B")", {"$.post_processor.single", "every text once"}},
    {"/post_processor/single/1", "null", {"$.post_processor.single[1]"}},
    {"/post_processor/pair", "[]", {"$.post_processor.pair", "every text once"}},
    {"/post_processor/special_tokens", "null", {"$.post_processor.special_tokens"}},
    {"/post_processor/special_tokens/[SEP]/ids/0", "15", {"special_tokens.[SEP].ids", "15"}},
    {"/post_processor/special_tokens/[SEP]/ids/0", "-2", {"special_tokens.[SEP].ids", "-2"}},
    {"/post_processor/special_tokens/[SEP]/ids/0", "2.0", {"special_tokens.[SEP].ids", "2.0"}},
    {"/post_processor/special_tokens/[SEP]/ids", "7", {"special_tokens.[SEP].ids", "an array"}},
};

TEST(TokenizerJson, EveryMistakeIsRefusedAtItsPlace) {
  EXPECT_NO_THROW(Tokenizer::from_tokenizer_json(small_tokenizer().dump(), "t.json"));
  for (const Change& change : kBad) {
    SCOPED_TRACE(std::string(change.place) + " = " + change.value);
    Json json = small_tokenizer();
    json[Json::json_pointer(change.place)] = Json::parse(change.value);
    expect_error([&] { Tokenizer::from_tokenizer_json(json.dump(), "t.json"); }, change.words);
    expect_error([&] { Tokenizer::from_tokenizer_json(json.dump(), "t.json"); }, {"[t.json]"});
  }
}

TEST(TokenizerJson, NotJsonAtAll) {
  for (const std::string_view text : {"", "[]", "{", "null", "7", "\xFF", R"({"model": 1, "model": 2})"}) {
    expect_error([&] { Tokenizer::from_tokenizer_json(text, "t.json"); }, {"[t.json]"});
  }
  const std::string deep = R"({"decoder": )" + std::string(100000, '[') + std::string(100000, ']') + "}";
  expect_error([&] { Tokenizer::from_tokenizer_json(deep, "t.json"); }, {"[t.json]", "nested"});
}

TEST(TokenizerJson, ATemplateCannotGrowBeyondItsFile) {
  Json json = small_tokenizer();
  json["post_processor"]["special_tokens"]["[SEP]"]["ids"] = std::vector<int>(30, 2);
  EXPECT_NO_THROW(Tokenizer::from_tokenizer_json(json.dump(), "t.json").encode("a"));
  json["post_processor"]["special_tokens"]["[SEP]"]["ids"] = std::vector<int>(64, 2);
  expect_error([&] { Tokenizer::from_tokenizer_json(json.dump(), "t.json"); },
               {"$.post_processor.single", "at most 64"});
}

TEST(TokenizerJson, WhatSaysNothingAboutIdsIsNotLookedAt) {
  Json json = small_tokenizer();
  const auto ids = Tokenizer::from_tokenizer_json(json.dump(), "t").encode("abab aba").ids;
  for (const char* key : {"truncation", "padding", "decoder", "version"}) json.erase(key);
  EXPECT_EQ(Tokenizer::from_tokenizer_json(json.dump(), "t").encode("abab aba").ids, ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 9, 6, 9, 2}));
}

TEST(TokenizerJson, WrittenAndReadAgainIsTheSame) {
  Json json = small_tokenizer();
  json["added_tokens"][3]["lstrip"] = true;
  json["post_processor"]["pair"][3]["Sequence"]["type_id"] = 5;
  for (const char* change : {"{}", R"({"normalizer": {"strip_accents": false}})", R"({"normalizer": null})",
                             R"({"post_processor": null})"}) {
    json.merge_patch(Json::parse(change));
    const Tokenizer first = Tokenizer::from_tokenizer_json(json.dump(), "t");
    const Tokenizer second = Tokenizer::from_tokenizer_json(first.to_json(), "written");
    EXPECT_EQ(first.to_json(), second.to_json());
    for (const char* text : {"", "abab \u00E9.", "a New York b", "[SEP]A", "\xFF e\u0301"}) {
      EXPECT_EQ(first.encode(text, "ba").ids, second.encode(text, "ba").ids);
      EXPECT_EQ(first.encode(text, "ba").type_ids, second.encode(text, "ba").type_ids);
      EXPECT_EQ(first.encode(text, "ba").offsets, second.encode(text, "ba").offsets);
    }
  }
}

}  // namespace
}  // namespace nxm
