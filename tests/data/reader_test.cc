// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/reader.h"

#include "data/support.h"
#include "nxm/core/rng.h"
#include "nxm/data/records.h"
#include "nxm/io/json_fields.h"

namespace nxm {
namespace {

Task user_task(FileFormat format, TaskKind kind = TaskKind::kClassification) {
  Task task;
  task.name = "user";
  task.kind = kind;
  task.labels = {"no", "yes"};
  task.format = format;
  return task;
}

const SplitSpec kPair{.file = "f", .text = {"a", "b"}, .label = "y"};
const SplitSpec kNumbered{.file = "f", .text = {"2"}, .label = "0", .header = false};

Examples parse(std::string_view content, FileFormat format = FileFormat::kTsv, const SplitSpec& spec = kPair) {
  return parse_examples(content, user_task(format), spec, "f");
}

/// "label:a|b" of each row.
std::string rows_text(const Examples& examples) {
  std::string text;
  for (const Example& row : examples.rows) text += fmt::format("{}:{}|{};", row.label, row.a, row.b.value_or("-"));
  return text;
}

TEST(Reader, ColumnsByNameInAnyOrder) {
  EXPECT_EQ(rows_text(parse("b\ty\tx\ta\nB1\tno\t0\tA1\nB2\tyes\t0\tA2\n")), "0:A1|B1;1:A2|B2;");
  EXPECT_EQ(rows_text(parse("no\tx\ttext one\nyes\tx\ttwo", FileFormat::kTsv, kNumbered)), "0:text one|-;1:two|-;");
}

TEST(Reader, MarkCrlfBlankLinesAndMissingNewline) {
  const std::string expected = "0:A|B;1:C|;";
  for (const char* content : {"a\tb\ty\nA\tB\tno\nC\t\tyes\n",
                              "\xEF\xBB\xBF"
                              "a\tb\ty\r\nA\tB\tno\r\nC\t\tyes",
                              "a\tb\ty\n\nA\tB\tno\n\r\n\nC\t\tyes\n\n\n"}) {
    EXPECT_EQ(rows_text(parse(content)), expected) << content;
  }
}

TEST(Reader, QuotesArePlainTextInTsv) { EXPECT_EQ(rows_text(parse("a\tb\ty\n\"A\tB\"\"\tno\n")), "0:\"A|B\"\";"); }

TEST(Reader, CsvQuoting) {
  EXPECT_EQ(rows_text(parse("a,b,y\n\"A, \"\"x\"\"\nsecond\",\"\",no\r\n5\" disk,B,\"yes\"\r\n", FileFormat::kCsv)),
            "0:A, \"x\"\nsecond|;1:5\" disk|B;");
}

TEST(Reader, JsonLines) {
  EXPECT_EQ(
      rows_text(parse(
          "{\"y\":\"no\",\"a\":\"A\\tx\",\"b\":\"\"}\n \n{\"a\":\"\\u00e9\",\"b\":\"B\",\"y\":\"yes\",\"more\":[1]}",
          FileFormat::kJsonl)),
      "0:A\tx|;1:é|B;");
  Task numbers = user_task(FileFormat::kJsonl, TaskKind::kRegression);
  EXPECT_EQ(parse_examples("{\"a\":\"A\",\"b\":\"B\",\"y\":-2.5}", numbers, kPair, "f").rows[0].label, -2.5F);
  Task flags = user_task(FileFormat::kJsonl);
  flags.labels = {"false", "true"};
  EXPECT_EQ(parse_examples("{\"a\":\"A\",\"b\":\"B\",\"y\":true}", flags, kPair, "f").rows[0].label, 1);
}

TEST(Reader, ShortRowsAreSkippedOnlyWhereTheSplitSaysSo) {
  SplitSpec spec = kPair;
  spec.skip_short_rows = true;
  const Examples examples = parse("a\tb\ty\nbroken\nA\tB\tno\nA\tB\n", FileFormat::kTsv, spec);
  EXPECT_EQ(rows_text(examples), "0:A|B;");
  EXPECT_EQ(examples.skipped, 2);
  EXPECT_NE(thrown<Error>([&] { parse("a\tb\ty\nA\tB\tno\tmore\n", FileFormat::kTsv, spec); }), "");
}

struct Bad {
  FileFormat format;
  std::string content;
  std::string says;
  SplitSpec spec = kPair;
};

TEST(Reader, ErrorsNameFileLineAndRemedy) {
  using enum FileFormat;
  const std::string long_line(kMaxRecord + 1, 'x');
  const std::vector<Bad> cases{
      {kTsv, "", "[f] no rows: the file is empty"},
      {kTsv, "\xEF\xBB\xBF", "[f] no rows"},
      {kTsv, "a\tb\ty\n", "[f] no rows"},
      {kTsv, "a\tb\ty\n\n\n", "[f] no rows"},
      {kTsv, "a\tb\ty\nA\tB\tno\nA\tno\n",
       "[f:3] expected 3 columns as in the first line, found 2; columns are separated by tabs"},
      {kTsv, "a\tb\ty\n\"A\tB\"\tB\tno\n", "[f:2] expected 3 columns as in the first line, found 4"},
      {kTsv, "a\tb\ty\nA\tB\tye\n",
       "[f:2] label 'ye' is not one of the task's (did you mean 'yes'?); they are 'no' and 'yes'"},
      {kTsv, "a\tb\ty\nA\tB\t1\n", "[f:2] label '1'"},
      {kTsv, "a\tB\ty\nA\tB\tno\n",
       "[f:1] no column 'b' in the header (did you mean 'B'?); there are 'a', 'B' and 'y'"},
      {kTsv, "a\tb\ty\nA\tB\tno\n", "header = false", {.file = "f", .text = {"0", "1"}, .label = "y", .header = true}},
      {kTsv, "a\tb\tb\ty\nA\tB\tB\tno\n", "[f:1] the header names column 'b' twice"},
      {kTsv, "a\tb\ty\nA\tB\xC3\tno\n", "[f:2] expected UTF-8, found byte 0xc3 at byte 4"},
      {kTsv, "a\tb\ty\nA\tB\tno\n\xED\xA0\x80\tB\tno\n", "[f:3] expected UTF-8, found byte 0xed at byte 1"},
      {kTsv, "a\tb\ty\n" + long_line, "[f:2] a line of 1048577 bytes, expected at most 1048576"},
      {kTsv, "no\tx\n", "[f:1] column '2': the file has no header, expected a number from 0 to 1", kNumbered},
      {kTsv,
       "no\tx\tA\n",
       "column 'a': the file has no header",
       {.file = "f", .text = {"a"}, .label = "0", .header = false}},
      {kTsv,
       "no\tx\tA\n",
       "column '-1': the file has no header",
       {.file = "f", .text = {"-1"}, .label = "0", .header = false}},
      {kCsv, "a,b,y\nA,B\n", "[f:2] expected 3 columns as in the first line, found 2"},
      {kCsv, "a,b,y\nA,B,no\n\"A,B,no\nA,B,no\n", "[f:3] column 1: a quote is opened but not closed"},
      {kCsv, "a,b,y\n\"1\n2\n3\",B,no\nA,\"B\" x,no\n", "[f:5] column 2: expected a comma or the end of the line"},
      {kCsv, "a,b,y\n" + long_line, "[f:2] a record of over 1048576 bytes"},
      {kCsv, "a,b,y\n\"" + long_line + "\"", "[f:2] column 1: a quote is opened but not closed within 1048576 bytes"},
      {kCsv, "a,b,y\nA,\xFF,no\n", "[f:2] expected UTF-8"},
      {kJsonl, "[1]\n", "[f:1]"},
      {kJsonl, "{\"a\":\"A\",\"b\":\"B\",\"y\":\"no\"}\n{\"a\":\"A\",\"b\":\"B\"\n", "[f:2]"},
      {kJsonl, "{\"a\":\"A\",\"a\":\"A\",\"b\":\"B\",\"y\":\"no\"}\n", "'a'"},
      {kJsonl, "{\"a\":\"A\",\"y\":\"no\"}\n", "$.b"},
      {kJsonl, "{\"a\":1,\"b\":\"B\",\"y\":\"no\"}\n", "$.a"},
      {kJsonl, "{\"a\":\"A\",\"b\":\"B\"}\n", "$.y: is missing; every line needs a label"},
      {kJsonl, "{\"a\":\"A\",\"b\":\"B\",\"y\":[]}\n", "$.y: expected a string, number or boolean"},
      {kJsonl, "\n \n", "[f] no rows"},
  };
  for (const Bad& bad : cases) {
    const std::string message = thrown<Error>([&] { parse(bad.content, bad.format, bad.spec); });
    EXPECT_NE(message.find(bad.says), std::string::npos) << "wanted: " << bad.says << "\n   got: " << message;
  }
}

TEST(Reader, RegressionLabels) {
  Task task = user_task(FileFormat::kTsv, TaskKind::kRegression);
  EXPECT_EQ(parse_label(task, "-1.5e2", "here"), -150);
  for (const char* word : {"", "nan", "inf", "-inf", "1e39", "1,5", "1 ", "0x1", "1e999"}) {
    const std::string message = thrown<Error>([&] { parse_label(task, word, "here"); });
    EXPECT_NE(message.find("[here] expected a finite number"), std::string::npos) << word << ": " << message;
  }
  task.max_label = 5;
  EXPECT_EQ(parse_label(task, "5.000", "here"), 5);
  for (const char* word : {"5.01", "-0.1"}) {
    const std::string message = thrown<Error>([&] { parse_label(task, word, "here"); });
    EXPECT_NE(message.find("outside the task's range, 0 to 5"), std::string::npos) << message;
  }
}

TEST(Reader, ReadSplitNamesThePath) {
  const Scratch scratch;
  scratch.write("dev.tsv", "sentence\tlabel\nfine\t1\nbad\t2\n");
  const std::string message = thrown<Error>([&] { read_split(find_task("sst2"), "dev", scratch.folder()); });
  EXPECT_NE(message.find("dev.tsv:3] label '2'"), std::string::npos) << message;
  std::filesystem::remove(scratch.folder() / "dev.tsv");
  std::filesystem::create_directory(scratch.folder() / "dev.tsv");  // a folder in the file's place
  EXPECT_NE(thrown<Error>([&] { read_split(find_task("sst2"), "dev", scratch.folder()); }), "");
}

// Any table of texts without the format's separators comes back as it was written.
TEST(Reader, WhatIsWrittenIsRead) {
  constexpr std::string_view kAlphabet[] = {"x", " ", "\"", ",", "'", "é", "日", "\\", "{", "😀", "\v"};
  Rng rng(3, "reader");
  const auto random_text = [&] {
    std::string text = "t";
    for (uint64_t n = rng.below(12); n > 0; --n) text += kAlphabet[rng.below(std::size(kAlphabet))];
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    std::string tsv = "a\tb\ty\n", csv = "a,b,y\r\n", jsonl, expected;
    for (uint64_t n = 1 + rng.below(6); n > 0; --n) {
      const std::string a = random_text(), b = random_text(), y = rng.below(2) == 0 ? "no" : "yes";
      const auto quoted = [](std::string text) {
        for (size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) text.insert(at, 1, '"');
        return '"' + text + '"';
      };
      tsv += a + "\t" + b + "\t" + y + "\n";
      csv += quoted(a) + "," + quoted(b + "\n") + "," + y + "\r\n";
      jsonl += OrderedJson{{"y", y}, {"b", b}, {"a", a}}.dump() + "\n";
      expected += fmt::format("{}:{}|{};", y == "yes" ? 1 : 0, a, b);
    }
    EXPECT_EQ(rows_text(parse(tsv)), expected);
    EXPECT_EQ(rows_text(parse(jsonl, FileFormat::kJsonl)), expected);
    Examples from_csv = parse(csv, FileFormat::kCsv);
    for (Example& row : from_csv.rows) row.b->pop_back();
    EXPECT_EQ(rows_text(from_csv), expected);
  }
}

}  // namespace
}  // namespace nxm
