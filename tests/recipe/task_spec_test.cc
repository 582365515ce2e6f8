// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/task_spec.h"

#include "recipe/support.h"

namespace nxm {
namespace {

std::string with_task(const std::string& task) {
  return "[model]\npath = 'm'\n[task]\n" + task + "\n[[stage]]\nmethod = 'dense'\n";
}

const std::string kTwo = "train = 'a.tsv'\ndev = 'b.tsv'\ntext = ['x']\nlabel = 'y'\nlabels = ['no', 'yes']\n";

Recipe parse(const std::string& task) { return Recipe::parse(with_task(task), "/r/r.toml"); }

TEST(TaskSpec, DescribesAPairClassification) {
  const Recipe recipe = parse(
      "name = 'mine'\ndata = 'd'\nkind = 'classification'\ntrain = 'a.csv'\ndev = 'b.csv'\ntest = 'c.csv'\ntext = "
      "['p', 'h']\n"
      "label = 'gold'\nlabels = ['a', 'b', 'c']\nmetrics = ['macro_f1', 'accuracy']\nclass_weights = [1, 2, 0.5]\n");
  EXPECT_TRUE(recipe.custom_task);
  EXPECT_EQ(recipe.data, "/r/d");
  const Task& task = recipe.task;
  EXPECT_EQ(task.name, "mine");
  EXPECT_EQ(task.outputs(), 3);
  EXPECT_EQ(task.labels, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(task.metrics, (std::vector<std::string>{"macro_f1", "accuracy"}));
  EXPECT_EQ(task.class_weights, (std::vector<double>{1, 2, 0.5}));
  EXPECT_EQ(task.format, FileFormat::kCsv);
  ASSERT_EQ(task.splits.size(), 3u);
  EXPECT_EQ(task.splits.at("test").file, "c.csv");
  EXPECT_EQ(task.splits.at("dev").text, (std::vector<std::string>{"p", "h"}));
  EXPECT_EQ(task.splits.at("train").label, "gold");
  EXPECT_TRUE(task.splits.at("train").header);
}

TEST(TaskSpec, RegressionWithNumberedColumns) {
  const Task task = parse("kind = 'regression'\ntrain = 'a'\ndev = 'b'\ntext = [3, '4']\nlabel = 0\n").task;
  EXPECT_EQ(task.name, "custom");
  EXPECT_EQ(task.outputs(), 1);
  EXPECT_EQ(task.metrics, (std::vector<std::string>{"pearson", "spearman"}));
  EXPECT_EQ(task.splits.at("train").text, (std::vector<std::string>{"3", "4"}));
  EXPECT_EQ(task.splits.at("train").label, "0");
  EXPECT_FALSE(task.splits.at("train").header) << "columns by number: no header";
  EXPECT_TRUE(parse("kind = 'regression'\nheader = true\ntrain = 'a'\ndev = 'b'\ntext = 3\nlabel = 0\n")
                  .task.splits.at("dev")
                  .header);
}

TEST(TaskSpec, FormatFollowsTheEnding) {
  for (const auto& [file, format] : std::vector<std::pair<std::string, FileFormat>>{{"a.tsv", FileFormat::kTsv},
                                                                                    {"a.CSV", FileFormat::kCsv},
                                                                                    {"a.jsonl", FileFormat::kJsonl},
                                                                                    {"a.json", FileFormat::kJsonl},
                                                                                    {"a.txt", FileFormat::kTsv},
                                                                                    {"a", FileFormat::kTsv}}) {
    const std::string rest = "dev = 'b'\ntext = 'x'\nlabel = 'y'\nlabels = [0, 1]\n";
    EXPECT_EQ(parse("train = '" + file + "'\n" + rest).task.format, format) << file;
    EXPECT_EQ(parse("format = 'csv'\ntrain = '" + file + "'\n" + rest).task.format, FileFormat::kCsv) << file;
  }
}

TEST(TaskSpec, AKnownTaskTakesOtherMetricsAndWeights) {
  const Recipe recipe = parse("name = 'mrpc'\nmetrics = ['matthews']\nclass_weights = [2, 1]\n");
  EXPECT_FALSE(recipe.custom_task);
  EXPECT_EQ(recipe.task.metrics, (std::vector<std::string>{"matthews"}));
  EXPECT_EQ(recipe.task.class_weights, (std::vector<double>{2, 1}));
  EXPECT_EQ(recipe.task.labels, find_task("mrpc").labels);
}

TEST(TaskSpec, SaysWhatIsMissingOrDoesNotFit) {
  const struct {
    std::string task, hint;
  } cases[] = {
      {"name = 'mine'\n", "unknown task 'mine'"},
      {"limit = 3\n", "[task] needs 'name'"},
      {"name = 'mrpc'\ntext = ['a']\n", "it needs 'train' too"},
      {"train = 'a'\n", "it needs 'dev' too"},
      {"train = 'a'\ndev = 'b'\n", "it needs 'text' too"},
      {"train = 'a'\ndev = 'b'\ntext = 'x'\n", "it needs 'label' too"},
      {"train = 'a'\ndev = 'b'\ntext = 'x'\nlabel = 'y'\n", "two or more, got 0"},
      {"train = 'a'\ndev = 'b'\ntext = 'x'\nlabel = 'y'\nlabels = ['a', 'a']\n", "each may stand once"},
      {"train = 'a'\ndev = 'b'\ntext = ['x', 'y', 'z']\nlabel = 'y'\nlabels = ['a', 'b']\n",
       "one or two columns, got 3"},
      {"train = 'a'\ndev = 'b'\ntext = []\nlabel = 'y'\n", "got an empty list"},
      {"train = 'a'\ndev = 'b'\ntext = -1\nlabel = 'y'\n", "got -1"},
      {"train = 'a'\ndev = 'b'\ntext = ['x',\n3.5]\nlabel = 'y'\n", "[r.toml:7]"},
      {"train = 3\n", "expected text"},
      {"train_file = 'a'\n", "did you mean 'train'?"},
      {"kind = 'regresion'\n", "did you mean 'regression'?"},
      {kTwo + "class_weights = [1]\n", "one for each of the 2 labels, got 1"},
      {kTwo + "class_weights = [1, 0]\n", "above 0"},
      {kTwo + "class_weights = [1, inf]\n", "got inf"},
      {kTwo + "metrics = ['acuracy']\n", "did you mean 'accuracy'?"},
      {kTwo + "metrics = ['pearson']\n", "does not measure a classification"},
      {"name = 'stsb'\nmetrics = ['accuracy']\n", "does not measure a regression"},
      {"name = 'stsb'\nclass_weights = [1]\n", "a regression has no classes"},
      {"name = 'mnli'\nmetrics = ['f1']\n", "use 'macro_f1'"},
      {"kind = 'regression'\ntrain = 'a'\ndev = 'b'\ntext = 'x'\nlabel = 'y'\nlabels = ['a']\n", "leave them out"},
  };
  for (const auto& c : cases) expect_has(complaint(with_task(c.task)), c.hint);
}

}  // namespace
}  // namespace nxm
