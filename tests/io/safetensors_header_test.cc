// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/safetensors_header.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/support.h"
#include "nxm/core/rng.h"

extern "C" void __asan_init() __attribute__((weak));  // there in a program with AddressSanitizer
extern "C" void __tsan_init() __attribute__((weak));

namespace nxm {
namespace {

using testing::expect_error;

SafetensorsHeader parse(std::string_view header, uint64_t data_bytes) {
  return SafetensorsHeader::parse(header, data_bytes, "m.safetensors");
}

void expect_rejected(std::string_view header, uint64_t data_bytes, std::initializer_list<std::string_view> parts) {
  SCOPED_TRACE(header.substr(0, 100));
  expect_error([&] { parse(header, data_bytes); }, parts);
}

TEST(SafetensorsHeader, Accepted) {
  const SafetensorsHeader header = parse(
      R"({"b":{"shape":[2,3],"dtype":"BF16","data_offsets":[4,16]},"__metadata__":{"format":"pt","":"x\ny"},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}, "z" : {"dtype":"I64","shape":[0,7],"data_offsets":[16,16]}}   )",
      16);
  ASSERT_EQ(header.tensors.size(), 3U);
  EXPECT_EQ(header.tensors.at("a").elements(), 1);
  EXPECT_EQ(header.tensors.at("b").dtype, DType::kBF16);
  EXPECT_EQ(header.tensors.at("b").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header.tensors.at("b").begin, 4U);
  EXPECT_EQ(header.tensors.at("b").bytes(), 12U);
  EXPECT_EQ(header.tensors.at("z").elements(), 0);
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"", "x\ny"}}));
  EXPECT_TRUE(parse("{}", 0).tensors.empty());
  EXPECT_TRUE(parse("{\"__metadata__\":{}}  \n", 0).metadata.empty());
}

TEST(SafetensorsHeader, ZeroSizedTensorsAnywhere) {
  for (const char* at : {"0", "4", "8"}) {
    std::string entry = R"({"dtype":"F32","shape":[3,0],"data_offsets":[@,@]})";
    for (size_t i; (i = entry.find('@')) != std::string::npos;) entry.replace(i, 1, at);
    EXPECT_NO_THROW(parse(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":)" + entry +
                              R"(,"c":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                          8));
  }
  // As the reference counts: dimensions first, so that a zero before the overflow hides it.
  const int64_t big = INT64_MAX;
  const SafetensorsHeader header =
      parse(fmt::format(R"({{"a":{{"dtype":"F32","shape":[0,{},{}],"data_offsets":[0,0]}}}})", big, big), 0);
  EXPECT_EQ(header.tensors.at("a").elements(), 0);
}

TEST(SafetensorsHeader, NotAnObject) {
  for (const char* text : {"", " {}", "[]", "null", "\xEF\xBB\xBF{}"})
    expect_rejected(text, 0, {"[m.safetensors]", "starts with '{' at byte 8"});
  expect_rejected("{", 0, {"stopped at byte 2"});
  expect_rejected("{}x", 0, {"stopped at byte 3"});
  expect_rejected("{}{}", 0, {"stopped at byte 3"});
  expect_rejected("{/**/}", 0, {"stopped at byte 2"});
  expect_rejected(std::string_view("{}\0", 3), 0, {"stopped at byte 3", "NUL"});
  expect_rejected("{\"\xFF\":1}", 0, {"stopped at byte 3"});
  expect_rejected("{\"a\":[[[[[[[[", 0, {"'a': expected an object, got an array"});
}

TEST(SafetensorsHeader, StandsTwice) {
  const std::string a = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  expect_rejected("{" + a + "," + a + "}", 1, {"tensor 'a' stands twice"});
  expect_rejected(R"({"__metadata__":{},"__metadata__":{}})", 0, {"'__metadata__' stands twice"});
  expect_rejected(R"({"__metadata__":{"k":"1","k":"1"}})", 0, {"'__metadata__' holds 'k' twice"});
  expect_rejected(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
                  {"'a': dtype stands twice"});
}

TEST(SafetensorsHeader, Metadata) {
  for (const char* value : {"1", "null", "true", "[]", "{}", "1.5", "-1"}) {
    expect_rejected(fmt::format(R"({{"__metadata__":{{"k":{}}}}})", value), 0,
                    {"'__metadata__': expected strings, got "});
  }
  for (const char* value : {"1", "null", "\"x\"", "[]"}) {
    expect_rejected(fmt::format(R"({{"__metadata__":{}}})", value), 0, {"'__metadata__': expected an object, got "});
  }
}

TEST(SafetensorsHeader, Fields) {
  const auto entry = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return fmt::format(R"({{"w":{{"dtype":{},"shape":{},"data_offsets":{}}}}})", dtype, shape, offsets);
  };
  EXPECT_NO_THROW(parse(entry("\"U8\"", "[4]", "[0,4]"), 4));
  for (const char* dtype : {"\"F31\"", "\"f32\"", "\"\"", "\"F4\"", "\"F32 \""}) {
    expect_rejected(entry(dtype, "[1]", "[0,4]"), 4, {"tensor 'w': unknown dtype", dtype});
  }
  for (const char* dtype : {"null", "1", "true", "[]", "{}"}) {
    expect_rejected(entry(dtype, "[1]", "[0,4]"), 4, {"tensor 'w': expected a name as dtype, got "});
  }
  for (const char* shape : {"[-1]", "[1.5]", "[1e2]", "[\"4\"]", "[null]", "[[4]]", "[{}]", "4", "null", "{}", "\"4\"",
                            "[9223372036854775808]", "[18446744073709551616]"}) {
    expect_rejected(entry("\"U8\"", shape, "[0,4]"), 4,
                    {"tensor 'w': expected integers from 0 to 2^63 - 1 as shape, got "});
  }
  for (const char* offsets : {"[-4,0]", "[0.0,4]", "[\"0\",4]", "[0,4,4]", "[null,4]", "[[0,4]]", "4", "null", "{}",
                              "[0,18446744073709551616]"}) {
    expect_rejected(entry("\"U8\"", "[4]", offsets), 4,
                    {"tensor 'w': expected two integers from 0 on as data_offsets, got "});
  }
  expect_rejected(entry("\"U8\"", "[4]", "[]"), 4, {"expected two data_offsets, got 0"});
  expect_rejected(entry("\"U8\"", "[4]", "[4]"), 4, {"expected two data_offsets, got 1"});
  expect_rejected(R"({"w":{"shape":[4],"data_offsets":[0,4]}})", 4, {"'w': no dtype"});
  expect_rejected(R"({"w":{"dtype":"U8","data_offsets":[0,4]}})", 4, {"'w': no shape"});
  expect_rejected(R"({"w":{"shape":[4],"dtype":"U8"}})", 4, {"'w': no data_offsets"});
  expect_rejected(R"({"w":{}})", 4, {"'w': no dtype"});
  expect_rejected(R"({"w":{"dtype":"U8","shape":[4],"offsets":[0,4]}})", 4,
                  {"'w': expected dtype, shape and data_offsets, found 'offsets'"});
  for (const char* value : {"null", "1", "-1", "1.5", "true", "\"x\"", "[]"}) {
    expect_rejected(fmt::format(R"({{"w":{}}})", value), 0, {"'w': expected an object, got "});
  }
}

TEST(SafetensorsHeader, SizesAndOverflow) {
  const auto entry = [](std::string_view dtype, std::string_view shape, uint64_t begin, uint64_t end) {
    return fmt::format(R"({{"w":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}}}})", dtype, shape, begin, end);
  };
  expect_rejected(entry("F32", "[64,64]", 0, 4096), 4096,
                  {"tensor 'w': claims 4096 bytes", "F32 [64, 64] needs 16384"});
  expect_rejected(entry("F32", "[4]", 4, 0), 16, {"'w': expected ascending data_offsets, got [4, 0]"});
  expect_rejected(entry("F32", "[4]", 0, 17), 16, {"claims 17 bytes", "F32 [4] needs 16"});
  expect_rejected(entry("F32", "[4]", UINT64_MAX - 16, UINT64_MAX), 16,
                  {"expected 18446744073709551615 bytes of data", "'w'", "holds 16", "truncated"});
  expect_rejected(entry("F32", "[4611686018427387904]", 0, 0), 0, {"F32 [4611686018427387904] overflows 64 bits"});
  expect_rejected(entry("U8", "[4294967296,4294967296]", 0, 0), 0, {"overflows 64 bits"});
  expect_rejected(entry("U8", "[4294967296,4294967296,0]", 0, 0), 0, {"overflows 64 bits"});
  std::string many = "[1";
  for (int i = 0; i < 1000; ++i) many += ",1";
  expect_rejected(entry("F32", many + "]", 0, 0), 0, {"[1, 1, 1, 1, 1, 1, 1, 1, … 1001 dimensions]"});
}

TEST(SafetensorsHeader, CoverOfTheData) {
  const auto two = [](uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return fmt::format(
        R"({{"a":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}},"b":{{"dtype":"U8","shape":[{}],"data_offsets":[{},{}]}}}})",
        b - a, a, b, d - c, c, d);
  };
  EXPECT_NO_THROW(parse(two(0, 4, 4, 8), 8));
  EXPECT_NO_THROW(parse(two(4, 8, 0, 4), 8));
  expect_rejected(two(0, 4, 3, 8), 8, {"tensor 'b' begins at byte 3", "'a' ends at byte 4", "overlap"});
  expect_rejected(two(0, 4, 0, 4), 4, {"overlap"});
  expect_rejected(two(0, 4, 5, 8), 8, {"tensor 'b' begins at byte 5", "'a' ends at byte 4", "a hole"});
  expect_rejected(two(1, 4, 4, 8), 8, {"tensor 'a' begins at byte 1", "a hole"});
  expect_rejected(two(0, 4, 4, 7), 8, {"'b', ends at byte 7 of the data, but the file holds 8"});
  for (const uint64_t cut : {0, 3, 4, 7}) {
    expect_rejected(
        two(0, 4, 4, 8), cut,
        {fmt::format("expected 8 bytes of data by the header, where tensor 'b' ends, but the file holds {}. "
                     "It is truncated; fetch it again",
                     cut)});
  }
  expect_rejected("{}", 1, {"ends at byte 0 of the data, but the file holds 1"});
}

// Any legal layout in any order is read; moving any one offset by any amount is not.
TEST(SafetensorsHeader, RandomLayouts) {
  Rng rng(1, "layouts");
  for (int round = 0; round < 500; ++round) {
    const size_t count = 1 + rng.below(8);
    std::vector<uint64_t> sizes(count);
    uint64_t total = 0;
    for (uint64_t& size : sizes) total += size = rng.below(4) == 0 ? 0 : rng.below(100);
    std::vector<std::array<uint64_t, 2>> offsets(count);
    std::vector<size_t> order(count);
    for (size_t i = 0; i < count; ++i) order[i] = i;
    shuffle(std::span(order), rng);
    uint64_t at = 0;
    for (const size_t i : order) {
      offsets[i] = {at, at + sizes[i]};
      at += sizes[i];
    }
    const auto text = [&] {
      std::string json = "{";
      for (size_t i = 0; i < count; ++i) {
        json += fmt::format(R"({}"t{}":{{"dtype":"I8","shape":[{}],"data_offsets":[{},{}]}})", i == 0 ? "" : ",", i,
                            sizes[i], offsets[i][0], offsets[i][1]);
      }
      return json + "}";
    };
    EXPECT_NO_THROW(parse(text(), total));
    expect_rejected(text(), total + 1 + rng.below(10), {"the file holds"});
    const size_t moved = rng.below(count), side = rng.below(2);
    offsets[moved][side] += 1 + rng.below(50);
    expect_rejected(text(), total, {"tensor 't"});
  }
}

// Peak memory of reading `header` in a process of its own, above what it had before, in bytes.
int64_t memory_to_parse(const std::function<std::string()>& make) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto peak = [] {
      rusage usage = {};
      ::getrusage(RUSAGE_SELF, &usage);
      return int64_t{usage.ru_maxrss} * 1024;
    };
    const std::string header = make();
    const int64_t before = peak();
    try {
      parse(header, 0);
    } catch (const Error&) {
    }
    const int64_t spent = peak() - before;
    ::_exit(::write(pipe[1], &spent, sizeof spent) == sizeof spent ? 0 : 1);
  }
  int64_t spent = -1;
  ::close(pipe[1]);
  EXPECT_EQ(::read(pipe[0], &spent, sizeof spent), static_cast<ssize_t>(sizeof spent));
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return spent;
}

TEST(SafetensorsHeader, MemoryStaysBelow64MiBAboveTheText) {
  if (&__asan_init != nullptr || &__tsan_init != nullptr) GTEST_SKIP() << "a sanitizer takes memory of its own";
  constexpr size_t kSize = 24'000'000;
  const auto repeat = [](std::string start, const std::function<std::string(size_t)>& next) {
    return [=] {
      std::string text = start;
      text.reserve(kSize + 1000);
      for (size_t i = 0; text.size() < kSize; ++i) text += next(i);
      text += "}";
      return text;
    };
  };
  const std::map<std::string, std::function<std::string()>> headers = {
      {"tensors",
       repeat("{\"__metadata__\":{}",
              [](size_t i) { return fmt::format(R"(,"{}":{{"dtype":"U8","shape":[],"data_offsets":[0,0]}})", i); })},
      {"long names", repeat("{\"__metadata__\":{}",
                            [](size_t i) {
                              return fmt::format(R"(,"{:0500}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", i);
                            })},
      {"dimensions", repeat("{\"a\":{\"dtype\":\"U8\",\"shape\":[1", [](size_t) { return ",1"; })},
      {"metadata", repeat("{\"__metadata__\":{\"\":\"\"", [](size_t i) { return fmt::format(R"(,"{}":"")", i); })},
      {"one name", repeat("{\"", [](size_t) { return "x"; })},
      {"one number", repeat("{\"a\":{\"shape\":[1", [](size_t) { return "1"; })},
  };
  for (const auto& [kind, make] : headers) {
    const int64_t spent = memory_to_parse(make);
    EXPECT_GE(spent, 0) << kind;
    EXPECT_LE(spent, int64_t{64} << 20) << kind;
  }
}

}  // namespace
}  // namespace nxm
