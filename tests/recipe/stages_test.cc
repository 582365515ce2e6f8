// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/stages.h"

#include "recipe/support.h"

namespace nxm {
namespace {

std::string stage(const std::string& method, const std::string& more = "") {
  return "[[stage]]\nmethod = '" + method + "'\n" + more + "\n";
}

std::vector<std::string> names(const std::vector<StageSpec>& stages) {
  std::vector<std::string> list;
  for (const StageSpec& s : stages) list.push_back(s.name);
  return list;
}

std::vector<std::string> origins(const std::vector<StageSpec>& stages) {
  std::vector<std::string> list;
  for (const StageSpec& s : stages) list.push_back(s.from);
  return list;
}

using Words = std::vector<std::string>;

TEST(Stages, NamesAreTheMethodsWithNumbersWhereTaken) {
  EXPECT_EQ(names(stages_of(stage("admm") + stage("admm") + stage("dense") + stage("admm", "name = 'admm-2'"))),
            (Words{"admm", "admm-3", "dense", "admm-2"}));
  expect_has(complaint(with_stages(stage("dense", "name = 'a'") + stage("asp", "name = 'a'"))), "[r.toml:8]");
}

TEST(Stages, StartFromTheNearestDenseStageOrTheOneAbove) {
  EXPECT_EQ(origins(stages_of(stage("dense") + stage("oneshot") + stage("asp") + stage("admm") + stage("masked"))),
            (Words{"", "dense", "dense", "dense", "admm"}));
  EXPECT_EQ(origins(stages_of(stage("asp") + stage("dense") + stage("dense") + stage("admm"))),
            (Words{"", "asp", "dense", "dense-2"}));
  EXPECT_EQ(origins(stages_of(stage("dense") + stage("asp") + stage("permute") + stage("admm") + stage("masked"))),
            (Words{"", "dense", "dense", "permute", "admm"}));
  EXPECT_EQ(origins(stages_of(stage("dense") + stage("asp", "from = ''") + stage("masked", "from = 'asp'"))),
            (Words{"", "", "asp"}));
}

TEST(Stages, FromNamesAStageAbove) {
  expect_has(complaint(with_stages(stage("dense", "from = 'asp'") + stage("asp"))), "not above it");
  expect_has(complaint(with_stages(stage("dense", "from = 'dense'"))), "not above it");
  expect_has(complaint(with_stages(stage("dense") + stage("asp", "from = 'dens'"))), "did you mean 'dense'?");
  expect_has(complaint(with_stages(stage("dense", "from = 'x'"))), "above it: none");
}

TEST(Stages, MaskedNeedsAMask) {
  expect_has(complaint(with_stages(stage("masked"))), "the model itself has none");
  expect_has(complaint(with_stages(stage("asp") + stage("masked", "from = ''"))), "the model itself has none");
  expect_has(complaint(with_stages(stage("asp") + stage("dense") + stage("masked"))), "dense stage 'dense' has none");
  for (const char* maker : {"oneshot", "asp", "admm"}) {
    const auto stages =
        stages_of(stage(maker, "pattern = '4:8x2'") + stage("masked") + stage("masked", "pattern = '4:8x2'"));
    EXPECT_EQ(stages[2].pattern, Pattern({4, 8, 2})) << maker;
    EXPECT_EQ(stages[2].from, "masked");
  }
  expect_has(complaint(with_stages(stage("admm", "pattern = '4:8'") + stage("masked", "pattern = '2:4'"))),
             "which is 4:8, not 2:4");
}

TEST(Stages, AHundredAtMost) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += stage("asp");
  EXPECT_EQ(complaint(with_stages(many)), "");
  expect_has(complaint(with_stages(many + stage("asp"))), "101 stages: expected 1 to 100");
}

}  // namespace
}  // namespace nxm
