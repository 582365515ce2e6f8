// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/requests.h"

#include <memory>

#include "data/support.h"
#include "nxm/data/records.h"

namespace nxm {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

File open(const std::string& content) {
  File file(std::tmpfile());
  std::fwrite(content.data(), 1, content.size(), file.get());
  std::rewind(file.get());
  return file;
}

/// "a|b;" of each request, "-" for no second text.
std::string read_all(const std::string& content, bool pair = false) {
  const File file = open(content);
  Requests requests(file.get(), "in", pair);
  std::string text;
  while (const auto request = requests.next()) text += request->a + "|" + request->b.value_or("-") + ";";
  return text;
}

TEST(Requests, LinesAndPairs) {
  EXPECT_EQ(read_all(""), "");
  EXPECT_EQ(read_all("\n"), "|-;");
  EXPECT_EQ(read_all("one\n\n{x\nlast"), "one|-;|-;{x|-;last|-;");
  EXPECT_EQ(read_all("\xEF\xBB\xBFone\r\na\tb\r\n\t\n"), "one|-;a|b;|;");
  EXPECT_EQ(read_all("a\tb\nc\t", true), "a|b;c|;");
  EXPECT_EQ(read_all("\"q\" \xFF\n"), "\"q\" \xFF|-;");
}

TEST(Requests, JsonLines) {
  EXPECT_EQ(read_all("\xEF\xBB\xBF{\"text\":\"a\\nb\"}\n\n{\"text_pair\":\"\",\"text\":\"x\",\"id\":7}\r\n{\"text\":"
                     "\"é\",\"text_pair\":null}"),
            "a\nb|-;x|;é|-;");
}

TEST(Requests, Errors) {
  const std::vector<std::tuple<std::string, bool, std::string>> cases{
      {"a\tb\nc\n", true, "[in:2] expected two texts with a tab between them"},
      {"a\nb\tc\td\n", false, "[in:2] expected a text, or two with a tab between them; found a second tab"},
      {"{\"text\":\"a\"}\nplain\n", false, "[in:2]"},
      {"{\"text\":\"a\"}\n[1]\n", false, "[in:2]"},
      {"{\"txt\":\"a\"}\n", false, "$.text"},
      {"{\"text\":3}\n", false, "$.text"},
      {"{\"text\":\"a\"}\n", true, "$.text_pair"},
      {"{\"text\":\"\xFF\"}\n", false, "[in:1]"},
      {"x\n" + std::string(kMaxRecord + 1, 'x'), false, "[in:2] a line of over 1048576 bytes"},
  };
  for (const auto& [content, pair, says] : cases) {
    const std::string message = thrown<Error>([&, c = content, p = pair] { read_all(c, p); });
    EXPECT_NE(message.find(says), std::string::npos) << "wanted: " << says << "\n   got: " << message;
  }
}

TEST(Requests, FailedReadIsAnError) {
  const File folder(std::fopen("/", "r"));
  ASSERT_NE(folder, nullptr);
  Requests requests(folder.get(), "in", false);
  const std::string message = thrown<Error>([&] { requests.next(); });
  EXPECT_NE(message.find("[in:1] cannot read: Is a directory"), std::string::npos) << message;
}

}  // namespace
}  // namespace nxm
