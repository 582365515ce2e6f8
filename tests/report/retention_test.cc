// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/retention.h"

#include <cmath>

#include "io/random_model.h"
#include "io/support.h"
#include "nxm/io/write_model.h"
#include "nxm/report/run_reader.h"
#include "report/run_files.h"

namespace nxm {
namespace {

using testing::RandomModel;
using testing::TempFolder;

TEST(Retention, ComparesWithWhatTheStageBeganWith) {
  const TempFolder folder;
  testing::write_run(folder / "a");
  RandomModel model;
  write_model_dir(folder / "a" / "stages" / "dense", model.config, model.tensors, "");
  const auto names = sparsified_names(model.config);
  std::map<std::string, double> expected;
  for (size_t i = 0; i < model.tensors.size(); ++i) {
    if (std::ranges::count(names, model.tensors[i].name) == 0) continue;
    double all = 0, kept = 0;
    for (size_t j = 0; j < model.data[i].size(); ++j) {
      float& weight = model.data[i][j];
      const double square = static_cast<double>(weight) * weight;
      all += square;
      kept += j % 4 == 0 ? square : 0;
      weight = j % 4 == 0 ? 1 : 0;  // training has moved them
    }
    expected[model.tensors[i].name] = std::sqrt(kept / all);
  }
  write_model_dir(folder / "a" / "model", model.config, model.tensors, "");
  RunRecord run = read_run(folder / "a");
  const auto stages = read_retention(run);
  EXPECT_TRUE(run.problems.empty());
  ASSERT_EQ(stages.size(), 1U);
  EXPECT_EQ(stages[0].stage, "admm");
  EXPECT_EQ(stages[0].encoder_layers, 2);
  ASSERT_EQ(stages[0].layers.size(), 12U);
  for (const LayerRetention& layer : stages[0].layers) {
    EXPECT_DOUBLE_EQ(layer.non_zero, 0.25);
    ASSERT_TRUE(layer.kept_norm);
    EXPECT_NEAR(*layer.kept_norm, expected.at(layer.name), 1e-12);
  }

  std::filesystem::remove_all(folder / "a" / "stages");
  for (const StageRetention& stage : read_retention(run)) EXPECT_FALSE(stage.layers[0].kept_norm);
  std::filesystem::resize_file(folder / "a" / "model" / "model.safetensors", 1000);
  EXPECT_TRUE(read_retention(run).empty());
  ASSERT_EQ(run.problems.size(), 1U);
  EXPECT_NE(run.problems[0].find("weights of stage 'admm'"), std::string::npos);
  std::filesystem::remove_all(folder / "a" / "model");
  EXPECT_TRUE(read_retention(run).empty());
  EXPECT_EQ(run.problems.size(), 1U);
}

}  // namespace
}  // namespace nxm
