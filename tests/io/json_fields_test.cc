// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/json_fields.h"

#include "io/support.h"

namespace nxm {
namespace {

using testing::expect_error;

void expect_rejected(std::string_view text, std::initializer_list<std::string_view> parts) {
  expect_error([&] { parse_json(text, "f.json"); }, parts);
}

TEST(ParseJson, BuildsTheDocument) {
  const std::string text =
      R"({"a":[1,-2,3.5,"x\u00e9",true,null,{"b":{"c":[]},"d":[[],[1,[2]],{}]}],"e":18446744073709551615,"":0})";
  EXPECT_EQ(parse_json(text, "f"), Json::parse(text));
  EXPECT_EQ(parse_json("  3 \n", "f"), Json(3));
  EXPECT_EQ(parse_json("\"s\"", "f"), Json("s"));
}

TEST(ParseJson, SyntaxWithByteOffset) {
  expect_rejected("", {"[f.json]", "stopped at byte 1"});
  expect_rejected("{\"a\":1,}", {"stopped at byte 8"});
  expect_rejected("{} x", {"stopped at byte 4"});
  expect_rejected("// c\n{}", {"stopped at byte 1"});
  expect_rejected("[1 /*c*/]", {"stopped at byte 4"});
  expect_rejected("[NaN]", {"stopped at byte"});
  expect_rejected("[01]", {"stopped at byte"});
  expect_rejected("[1e999]", {"stopped at byte", "number overflow"});
  expect_rejected("\xEF\xBB\xBF{}", {"byte order mark at byte 0"});
  expect_rejected(std::string_view("[1]\0", 4), {"stopped at byte 4"});
}

TEST(ParseJson, InvalidUtf8) {
  for (const std::string bad : {"\xFF", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3", "\\ud800", "\n"}) {
    expect_rejected("{\"a\":\"" + bad + "\"}", {"stopped at byte", "invalid string"});
  }
}

TEST(ParseJson, DuplicateKeysAtAnyLevel) {
  expect_rejected(R"({"a":1,"a":1})", {"the key 'a' stands twice"});
  expect_rejected(R"([{"x":{"b":1,"c":[],"\u0062":{}}}])", {"the key 'b' stands twice"});
  EXPECT_NO_THROW(parse_json(R"({"a":{"a":{"a":1}},"b":{"a":1}})", "f"));
}

TEST(ParseJson, DepthIsBounded) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_NO_THROW(parse_json(nested(kMaxJsonDepth), "f"));
  expect_rejected(nested(kMaxJsonDepth + 1), {"deeper than 64 levels"});
  expect_rejected(std::string(1000000, '['), {"deeper than 64 levels"});
  std::string objects;
  for (int i = 0; i < 1000; ++i) objects += "{\"a\":";
  expect_rejected(objects, {"deeper than 64 levels"});
}

TEST(ParseJson, MemoryIsBounded) {
  std::string brackets = "[";
  while (brackets.size() < (size_t{4} << 20)) brackets += "[],";
  expect_rejected(brackets, {"at most 56 MiB of memory"});
  std::string members = "{\"x\":0";
  for (int i = 0; members.size() < (size_t{16} << 20); ++i) members += fmt::format(",\"{}\":\"\"", i);
  expect_rejected(members, {"at most 56 MiB of memory"});
}

TEST(ParseJson, LargestTokenizersFit) {  // LaBSE: 501,153 words
  std::string text = "{\"model\":{\"vocab\":{";
  for (int i = 0; i < 501153; ++i) text += fmt::format("{}\n      \"##{:07}\": {}", i == 0 ? "" : ",", i, i);
  EXPECT_EQ(parse_json(text + "}}}", "f")["model"]["vocab"].size(), 501153U);
}

TEST(Shown, ShortAsciiLines) {
  EXPECT_EQ(shown(768.5), "768.5");
  EXPECT_EQ(shown("768"), "\"768\"");
  EXPECT_EQ(shown(nullptr), "null");
  EXPECT_EQ(shown(Json::array({1})), "an array");
  EXPECT_EQ(shown(Json::object()), "an object");
  EXPECT_EQ(shown(std::string(1000, 'x')).size(), 65U);
  EXPECT_EQ(shown_name("a\nb\xFF\x1B[m\"é"), R"('a\nb\ufffd\u001b[m\"\u00e9')");
}

class Fields : public ::testing::Test {
 protected:
  Json json_ =
      parse_json(R"({"i":7,"neg":-3,"big":18446744073709551615,"real":768.5,"whole":768.0,"text":"768","no":null,
                              "yes":true,"list":[1],"in":{"x":-1}})",
                 "f.json");
  JsonFields fields_{json_, "f.json"};
};

TEST_F(Fields, TypedValues) {
  EXPECT_TRUE(fields_.has("i"));
  EXPECT_FALSE(fields_.has("no"));
  EXPECT_FALSE(fields_.has("absent"));
  EXPECT_EQ(fields_.integer("i", 0, 7), 7);
  EXPECT_EQ(fields_.integer("neg", -3, 0), -3);
  EXPECT_EQ(fields_.integer("no", 0, 9, 5), 5);
  EXPECT_EQ(fields_.integer("i", 0, 9, 5), 7);
  EXPECT_EQ(fields_.number("i", 0, 9), 7.0);
  EXPECT_EQ(fields_.number("real", 0, 1000, 1), 768.5);
  EXPECT_EQ(fields_.number("absent", 0, 1000, 1), 1.0);
  EXPECT_TRUE(fields_.boolean("yes", false));
  EXPECT_TRUE(fields_.boolean("no", true));
  EXPECT_EQ(fields_.string("text"), "768");
  EXPECT_EQ(fields_.string("absent", "d"), "d");
  EXPECT_EQ(fields_.string("text", "d"), "768");
  EXPECT_EQ(fields_.array("list").size(), 1U);
  EXPECT_EQ(fields_.object("in").integer("x", -1, 1), -1);
  EXPECT_EQ(fields_.where(), "f.json");
  EXPECT_EQ(&fields_.raw(), &json_);
}

TEST_F(Fields, WrongTypesAreNeverCast) {
  for (const char* key : {"real", "whole", "text", "yes", "list", "in", "big", "no", "absent"}) {
    const std::string path = fmt::format("[f.json] $.{}: expected an integer", key);
    expect_error([&] { (void)fields_.integer(key, INT64_MIN, INT64_MAX); }, {path, "got"});
  }
  expect_error([&] { (void)fields_.integer("i", 8, 9); }, {"$.i: expected an integer from 8 to 9, got 7"});
  expect_error([&] { (void)fields_.integer("i", 0, 6); }, {"$.i: expected an integer from 0 to 6, got 7"});
  expect_error([&] { (void)fields_.integer("text", 0, 6, 1); }, {"$.text", "got \"768\""});
  expect_error([&] { (void)fields_.integer("no", 0, 6); }, {"$.no: expected an integer, got null"});
  expect_error([&] { (void)fields_.string("absent"); }, {"$.absent: expected a string, got nothing"});
  expect_error([&] { (void)fields_.string("i"); }, {"$.i: expected a string, got 7"});
  expect_error([&] { (void)fields_.string("i", "d"); }, {"$.i: expected a string, got 7"});
  expect_error([&] { (void)fields_.number("text", 0, 1000); }, {"$.text: expected a number"});
  expect_error([&] { (void)fields_.number("real", 0, 1); }, {"$.real: expected a number from 0 to 1, got 768.5"});
  expect_error([&] { (void)fields_.boolean("i", true); }, {"$.i: expected true or false, got 7"});
  expect_error([&] { (void)fields_.array("in"); }, {"$.in: expected an array, got an object"});
  expect_error([&] { (void)fields_.object("list"); }, {"$.list: expected an object, got an array"});
  expect_error([&] { (void)fields_.object("absent"); }, {"$.absent: expected an object, got nothing"});
  expect_error([&] { (void)fields_.object("in").integer("x", 0, 1); },
               {"$.in.x: expected an integer from 0 to 1, got -1"});
  expect_error([&] { fields_.object("in").reject("x", "no good"); }, {"[f.json] $.in.x: no good"});
  expect_error([&] { JsonFields(Json(3), "f.json"); }, {"$: expected an object, got 3"});
}

}  // namespace
}  // namespace nxm
