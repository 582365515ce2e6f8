// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/check.h"

#include "data/support.h"

namespace nxm {
namespace {

const SplitCheck& split_of(const std::vector<SplitCheck>& checks, std::string_view split) {
  for (const SplitCheck& check : checks) {
    if (check.split == split) return check;
  }
  throw std::out_of_range(std::string(split));
}

TEST(Check, CountsWhatIsThere) {
  const Scratch scratch;
  scratch.write("train.tsv", "sentence\tlabel\na b c\t1\na b c\t1\na b c\t0\n\t1\n a\t1\na b c d e f\t1\n");
  scratch.write("dev.tsv", "sentence\tlabel\na b c\t1\nb\t1\n \t1\n");
  scratch.write("test.tsv", "index\tsentence\n0\ta b c\n");
  const auto checks = check_data(find_task("sst2"), scratch.folder(), letters_tokenizer(), 5);
  ASSERT_EQ(checks.size(), 3U);
  const SplitCheck& train = split_of(checks, "train");
  EXPECT_EQ(train.rows, 6);
  EXPECT_EQ(train.empty, 1);
  EXPECT_EQ(train.duplicates, 2);
  EXPECT_EQ(train.conflicts, 1);
  EXPECT_EQ(train.in_train, 0);
  EXPECT_EQ(train.truncated, 1);
  EXPECT_EQ(train.longest, 8);
  EXPECT_DOUBLE_EQ(train.mean_length, (5 + 5 + 5 + 2 + 3 + 8) / 6.0);
  EXPECT_EQ(train.labels, (std::map<std::string, int64_t>{{"negative", 1}, {"positive", 5}}));
  const SplitCheck& dev = split_of(checks, "dev");
  EXPECT_EQ(dev.in_train, 1);
  EXPECT_EQ(dev.empty, 1);
  EXPECT_EQ(dev.labels, (std::map<std::string, int64_t>{{"negative", 0}, {"positive", 3}}));
  EXPECT_TRUE(split_of(checks, "test").labels.empty());

  std::string lines;
  for (const std::string& line : warnings(checks, 5)) lines += line + "\n";
  EXPECT_EQ(lines,
            "train: 1 of 6 rows (16.7 %) are longer than max_length = 5 and lose tokens (longest: 8)\n"
            "train: 1 of 6 rows (16.7 %) repeat an earlier row with another label\n"
            "train: 1 of 6 rows (16.7 %) have an empty text\n"
            "dev: 1 of 3 rows (33.3 %) also stand in train\n"
            "dev: 1 of 3 rows (33.3 %) have an empty text\n"
            "dev: 0 of 3 rows (0.0 %) have the label 'negative'\n"
            "test: 1 of 1 rows (100.0 %) also stand in train\n");
}

TEST(Check, PairsAndRegression) {
  const Scratch scratch;
  // "a" + "b c" and "a b" + "c" are two different pairs.
  scratch.write("dev.tsv", "sentence1\tsentence2\tscore\na\tb c\t1\na b\tc\t4.5\na\tb c\t2\n");
  const auto checks = check_data(find_task("stsb"), scratch.folder(), letters_tokenizer(), 0);
  ASSERT_EQ(checks.size(), 1U);
  EXPECT_EQ(checks[0].duplicates, 1);
  EXPECT_EQ(checks[0].conflicts, 1);
  EXPECT_EQ(checks[0].truncated, 0);
  EXPECT_DOUBLE_EQ(checks[0].label_mean, 2.5);
  EXPECT_DOUBLE_EQ(checks[0].label_min, 1);
  EXPECT_DOUBLE_EQ(checks[0].label_max, 4.5);
  EXPECT_TRUE(checks[0].labels.empty());
}

TEST(Check, SkippedRowsAndCleanData) {
  const Scratch scratch;
  scratch.write("train.tsv", "question1\tquestion2\tis_duplicate\na\tb\t0\nbroken\nc\td\t1\n");
  const auto checks = check_data(find_task("qqp"), scratch.folder(), letters_tokenizer(), 9);
  EXPECT_EQ(warnings(checks, 9), std::vector<std::string>{"train: 1 rows with too few columns are left out"});
}

TEST(Check, NoFilesIsAnError) {
  const Scratch scratch;
  const std::string message =
      thrown<Error>([&] { check_data(find_task("rte"), scratch.folder(), letters_tokenizer(), 9); });
  EXPECT_NE(message.find("RTE/train.tsv"), std::string::npos) << message;
}

// Facts of GLUE's own files, as its README states them.
TEST(Check, GlueFacts) {
  NXM_NEED_GLUE();
  const auto sst2 = check_data(find_task("sst2"), glue_folder(), letters_tokenizer(), 128);
  // 366 repeated lines, and 5 texts that come twice with different labels.
  EXPECT_EQ(split_of(sst2, "train").duplicates, 371);
  EXPECT_EQ(split_of(sst2, "train").conflicts, 5);
  const auto wnli = check_data(find_task("wnli"), glue_folder(), letters_tokenizer(), 128);
  EXPECT_EQ(split_of(wnli, "dev").labels, (std::map<std::string, int64_t>{{"entailment", 31}, {"not_entailment", 40}}));
}

}  // namespace
}  // namespace nxm
