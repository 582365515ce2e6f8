// SPDX-License-Identifier: Apache-2.0
// Against Hugging Face: test_tokenizer_parity.py.
#include "nxm/text/tokenizer.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <limits>
#include <thread>

#include "nxm/io/atomic_file.h"
#include "text/support.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

Tokenizer small() { return Tokenizer::from_tokenizer_json(small_tokenizer().dump(), "small"); }

TEST(Tokenizer, Examples) {
  const Tokenizer tokenizer = small();
  const Encoding pair = tokenizer.encode("Ab\u00E9.", "[SEP] new york a");
  EXPECT_EQ(pair.ids, (std::vector<int32_t>{1, 7, 12, 10, 2, 2, 20, 3, 2}));
  EXPECT_EQ(pair.type_ids, (std::vector<int32_t>{0, 0, 0, 0, 0, 1, 1, 1, 1}));
  const std::vector<std::pair<uint32_t, uint32_t>> offsets{{0, 0}, {0, 2},  {2, 4},   {4, 5}, {0, 0},
                                                           {0, 5}, {6, 14}, {15, 16}, {0, 0}};
  EXPECT_EQ(pair.offsets, offsets);
  EXPECT_EQ(pair.dropped, 0U);
  EXPECT_EQ(tokenizer.encode("").ids, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(tokenizer.encode("xyz").ids, (std::vector<int32_t>{1, 0, 2}));
}

TEST(Tokenizer, NamesOfIds) {
  const Tokenizer tokenizer = small();
  EXPECT_EQ(tokenizer.vocab_size(), 21);
  EXPECT_EQ(tokenizer.token_to_id("New York"), 20);
  EXPECT_EQ(tokenizer.token_to_id("##ab"), 8);
  EXPECT_EQ(tokenizer.token_to_id("nothing"), std::nullopt);
  EXPECT_EQ(tokenizer.id_to_token(20), "New York");
  EXPECT_EQ(tokenizer.id_to_token(8), "##ab");
  EXPECT_EQ(tokenizer.id_to_token(15), "");
  EXPECT_THROW((void)tokenizer.id_to_token(21), ContractError);
  EXPECT_THROW((void)tokenizer.id_to_token(-1), ContractError);
}

TEST(Tokenizer, CutsToMaxLength) {
  const Tokenizer tokenizer = small();
  for (size_t max_length = 3; max_length < 20; ++max_length) {
    const Encoding whole = tokenizer.encode("a a a a a a", "b b b");
    const Encoding cut = tokenizer.encode("a a a a a a", "b b b", max_length);
    EXPECT_EQ(cut.ids.size(), std::min<size_t>(max_length, whole.ids.size()));
    EXPECT_EQ(cut.ids.size() + cut.dropped, whole.ids.size());
    EXPECT_EQ(cut.ids.size(), cut.type_ids.size());
    EXPECT_EQ(cut.ids.size(), cut.offsets.size());
  }
  EXPECT_EQ(tokenizer.encode("a", std::nullopt, 2).ids, (std::vector<int32_t>{1, 2}));
  EXPECT_THROW((void)tokenizer.encode("a", std::nullopt, 1), UsageError);
  EXPECT_THROW((void)tokenizer.encode("a", "b", 2), UsageError);
}

TEST(Tokenizer, TextsOf4GiBAreRefused) {
  const std::string_view huge("x", size_t{std::numeric_limits<uint32_t>::max()} + 1);  // refused before it is read
  expect_error([&] { (void)small().encode(huge); }, {"[tokenizer]", "4 GiB"});
}

TEST(Tokenizer, AnyBytesGivePlacesInsideTheText) {
  Rng rng(6, "tokenizer");
  const Tokenizer tokenizer = small();
  Encoding out;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = random_bytes(rng, rng.below(32), kUtf8Bytes);
    tokenizer.encode(text, std::nullopt, 0, out);
    uint32_t last = 0;
    for (size_t k = 1; k + 1 < out.ids.size(); ++k) {
      const auto [start, end] = out.offsets[k];
      ASSERT_LE(last, start);
      ASSERT_LT(start, end);
      ASSERT_LE(end, text.size());
      ASSERT_LT(out.ids[k], tokenizer.vocab_size());
      last = start;
    }
  }
}

TEST(Tokenizer, ThreadsDoNotDisturbEachOther) {
  const Tokenizer tokenizer = small();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::string text;
      for (size_t n = 0; n < 200; ++n) {
        text += t % 2 == 0 ? "ab " : "\u00E9.";
        wrong += tokenizer.encode(text).ids.size() != 2 + (n + 1) * (t % 2 == 0 ? 1 : 2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

class TokenizerFolder : public testing::Test {
 protected:
  TokenizerFolder()
      : folder_(
            fs::path(testing::TempDir()) /
            fmt::format("nxm_text_{}_{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~TokenizerFolder() override { fs::remove_all(folder_); }
  void write(const char* name, std::string_view text) { write_file(folder_ / name, text); }

  fs::path folder_;
};

TEST_F(TokenizerFolder, TokenizerJsonWinsOverVocabTxt) {
  expect_error([&] { Tokenizer::load(folder_); }, {"tokenizer.json or vocab.txt", "found neither"});
  write("vocab.txt", kSmallVocab);
  EXPECT_EQ(Tokenizer::load(folder_).vocab_size(), 10);
  EXPECT_EQ(Tokenizer::load(folder_).encode("AB").ids, (std::vector<int32_t>{1, 8, 2}));
  write("tokenizer_config.json", R"({"do_lower_case": false})");
  EXPECT_EQ(Tokenizer::load(folder_).encode("AB").ids, (std::vector<int32_t>{1, 0, 2}));
  write("tokenizer.json", small_tokenizer().dump());
  EXPECT_EQ(Tokenizer::load(folder_).vocab_size(), 21);
  write("tokenizer.json", "{");  // broken, and not passed over
  expect_error([&] { Tokenizer::load(folder_); }, {"tokenizer.json"});
}

TEST_F(TokenizerFolder, TheModelMustHaveRoomForEveryId) {
  write("vocab.txt", kSmallVocab);
  write("config.json", R"({"vocab_size": 10})");
  EXPECT_NO_THROW(Tokenizer::load(folder_));
  for (const char* other : {R"({"vocab_size": 9})", R"({"vocab_size": 11})"}) {
    write("config.json", other);
    expect_error([&] { Tokenizer::load(folder_); }, {"vocab.txt", "10 ids", "config.json"});
  }
  write("tokenizer.json", small_tokenizer().dump());
  write("config.json", R"({"vocab_size": 20})");
  expect_error([&] { Tokenizer::load(folder_); }, {"tokenizer.json", "21 ids", "20"});
  for (const char* enough : {R"({"vocab_size": 21})", R"({"vocab_size": 64})", "{}"}) {
    write("config.json", enough);
    EXPECT_NO_THROW(Tokenizer::load(folder_));
  }
  write("config.json", R"({"type_vocab_size": 1})");
  const Tokenizer one_type = Tokenizer::load(folder_);
  Encoding encoding;
  EXPECT_NO_THROW(one_type.encode("a", std::nullopt, 8, encoding));
  expect_error([&] { one_type.encode("a", "a", 8, encoding); }, {"type_vocab_size", "pairs"});
  write("config.json", R"({"vocab_size": 0})");
  expect_error([&] { Tokenizer::load(folder_); }, {"config.json", "vocab_size"});
}

TEST_F(TokenizerFolder, WhatIsNotAFileIsAnError) {
  fs::create_directory(folder_ / "tokenizer.json");
  expect_error([&] { Tokenizer::load(folder_); }, {"tokenizer.json"});
  expect_error([&] { Tokenizer::load(folder_ / "missing"); }, {"missing", "found neither"});
}

}  // namespace
}  // namespace nxm
