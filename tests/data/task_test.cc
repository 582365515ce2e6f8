// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/task.h"

#include <map>
#include <set>

#include "data/support.h"
#include "nxm/data/reader.h"

namespace nxm {
namespace {

TEST(Task, TableIsComplete) {
  std::set<std::string> names, submissions;
  for (const Task& task : task_table()) {
    SCOPED_TRACE(task.name);
    EXPECT_TRUE(names.insert(task.name).second);
    EXPECT_FALSE(task.metrics.empty());
    EXPECT_EQ(task.outputs(), task.kind == TaskKind::kRegression ? 1 : static_cast<int64_t>(task.labels.size()));
    ASSERT_TRUE(task.splits.contains("train") && task.splits.contains("dev"));
    for (const auto& [split, spec] : task.splits) {
      EXPECT_EQ(spec.text.size(), task.splits.at("train").text.size()) << split;
      EXPECT_EQ(spec.label.empty(), split.starts_with("test") || split == "ax") << split;
      EXPECT_TRUE(spec.submission.empty() || submissions.insert(spec.submission).second) << spec.submission;
    }
    for (const auto& [word, label] : task.label_aliases) {
      EXPECT_EQ(parse_label(task, word, "alias"), parse_label(task, label, "label"));
    }
  }
  EXPECT_EQ(names,
            (std::set<std::string>{"cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte", "wnli", "reviews"}));
  EXPECT_EQ(submissions,
            (std::set<std::string>{"CoLA.tsv", "SST-2.tsv", "MRPC.tsv", "STS-B.tsv", "MNLI-m.tsv", "MNLI-mm.tsv",
                                   "QNLI.tsv", "RTE.tsv", "WNLI.tsv", "QQP.tsv", "AX.tsv"}));
}

TEST(Task, FileWordIsTheInverseOfParseLabel) {
  for (const Task& task : task_table()) {
    if (task.kind == TaskKind::kRegression) continue;
    for (size_t id = 0; id < task.labels.size(); ++id) {
      EXPECT_EQ(parse_label(task, file_word(task, id), "word"), static_cast<float>(id));
    }
  }
  EXPECT_EQ(file_word(find_task("mrpc"), 1), "1");
  EXPECT_EQ(file_word(find_task("rte"), 1), "not_entailment");
}

TEST(Task, FindIgnoresCaseAndHyphens) {
  for (const Task& task : task_table()) {
    EXPECT_EQ(find_task(task.name).name, task.name);
    EXPECT_EQ(find_task(task.folder).name, task.name);
  }
  const std::string message = thrown<UsageError>([] { find_task("mprc"); });
  EXPECT_NE(message.find("did you mean 'mrpc'"), std::string::npos) << message;
}

TEST(Task, SplitPathTakesTheFirstFound) {
  const Scratch scratch;
  const Task& task = find_task("qnli");
  scratch.write("QNLI/train_partial.tsv", "");
  EXPECT_EQ(split_path(task, "train", scratch.folder()), scratch.folder() / "QNLI/train_partial.tsv");
  EXPECT_EQ(split_path(task, "train", scratch.folder() / "QNLI"), scratch.folder() / "QNLI/train_partial.tsv");
  scratch.write("QNLI/train.tsv", "");
  EXPECT_EQ(split_path(task, "train", scratch.folder()), scratch.folder() / "QNLI/train.tsv");
  EXPECT_EQ(find_split(task, "dev", scratch.folder()), std::nullopt);
}

TEST(Task, SplitErrors) {
  const Scratch scratch;
  const Task& task = find_task("sst2");
  const std::string missing = thrown<Error>([&] { split_path(task, "dev", scratch.folder()); });
  for (const char* file : {"/dev.tsv", "/SST-2/dev.tsv", "/dev_partial.tsv"}) {
    EXPECT_NE(missing.find(scratch.folder().string() + file), std::string::npos) << missing;
  }
  const std::string unknown = thrown<UsageError>([&] { split_path(task, "tset", scratch.folder()); });
  EXPECT_NE(unknown.find("did you mean 'test'"), std::string::npos) << unknown;
}

TEST(Task, GlueRowCounts) {
  NXM_NEED_GLUE();
  const std::map<std::string, std::map<std::string, size_t>> rows{
      {"cola", {{"train", 8551}, {"dev", 1043}, {"test", 1063}}},
      {"sst2", {{"train", 67349}, {"dev", 872}, {"test", 1821}}},
      {"mrpc", {{"train", 3668}, {"dev", 408}, {"test", 1725}}},
      {"stsb", {{"train", 5749}, {"dev", 1500}, {"test", 1379}}},
      {"rte", {{"train", 2490}, {"dev", 277}, {"test", 3000}}},
      {"wnli", {{"train", 635}, {"dev", 71}, {"test", 146}}},
      {"qnli", {{"train", 10475}, {"dev", 5463}, {"test", 5463}}},
      {"qqp", {{"train", 23497}, {"dev", 18991}}},
      {"mnli", {{"train", 25072}, {"dev", 9815}, {"dev_mismatched", 997}}},
  };
  for (const auto& [name, splits] : rows) {
    for (const auto& [split, count] : splits) {
      const Examples examples = read_split(find_task(name), split, glue_folder());
      EXPECT_EQ(examples.rows.size(), count) << name << " " << split;
      EXPECT_EQ(examples.skipped, 0) << name << " " << split;
      EXPECT_EQ(examples.labelled, split != "test") << name << " " << split;
    }
  }
}

}  // namespace
}  // namespace nxm
