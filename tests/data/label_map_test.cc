// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/label_map.h"

#include <algorithm>

#include "data/support.h"

namespace nxm {
namespace {

using Labels = std::vector<std::string>;

TEST(LabelMap, EveryPermutationByName) {
  const Task& task = find_task("mnli");
  Labels labels = task.labels;
  std::sort(labels.begin(), labels.end());
  do {
    const LabelMap map = map_labels(task, labels, "model");
    for (size_t i = 0; i < labels.size(); ++i) EXPECT_EQ(task.labels[map.task_class[i]], labels[i]);
    EXPECT_EQ(map.note, "");
  } while (std::next_permutation(labels.begin(), labels.end()));
}

TEST(LabelMap, CaseAliasesAndRegression) {
  EXPECT_EQ(map_labels(find_task("mnli"), Labels{"CONTRADICTION", "Neutral", "entailment"}, "m").task_class,
            (std::vector<int64_t>{2, 1, 0}));
  EXPECT_EQ(map_labels(find_task("mrpc"), Labels{"1", "0"}, "m").task_class, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(map_labels(find_task("stsb"), Labels{"anything"}, "m").task_class, std::vector<int64_t>{0});
}

TEST(LabelMap, NamelessByPositionWithANote) {
  const LabelMap map = map_labels(find_task("mrpc"), Labels{"LABEL_0", "LABEL_1"}, "m");
  EXPECT_EQ(map.task_class, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(
      map.note,
      "the model's labels have no names ('LABEL_0' and 'LABEL_1'); taken in the task's order, 'not_equivalent' and "
      "'equivalent'");
}

TEST(LabelMap, MismatchIsRefused) {
  for (const Labels& labels : {Labels{"negative", "positive"}, Labels{"equivalent", "equivalent"},
                               Labels{"1", "equivalent"}, Labels{"LABEL_1", "LABEL_0"}}) {
    const std::string message = thrown<Error>([&] { map_labels(find_task("mrpc"), labels, "m"); });
    EXPECT_NE(message.find("[m] the model's labels, '" + labels[0]), std::string::npos) << message;
    EXPECT_NE(message.find("'not_equivalent' and 'equivalent'"), std::string::npos) << message;
  }
  for (const Labels& labels : {Labels{"score"}, Labels{"a", "b", "c"}, Labels{}}) {
    const std::string message = thrown<Error>([&] { map_labels(find_task("mrpc"), labels, "m"); });
    EXPECT_NE(message.find(fmt::format("has {} output(s)", labels.size())), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace nxm
