// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/target.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "cases.h"
#include "nxm/core/error.h"
#include "nxm/kernels/ops.h"
#include "nxm/kernels/reference.h"

namespace nxm {
namespace {

class Force {
 public:
  explicit Force(const std::string& value) { setenv("NXM_FORCE_TARGET", value.c_str(), 1); }
  ~Force() { unsetenv("NXM_FORCE_TARGET"); }
  Force(const Force&) = delete;
  Force& operator=(const Force&) = delete;
};

TEST(Target, ScalarIsFirstAndTheBestIsChosen) {
  EXPECT_EQ(available_targets().front(), Target::kScalar);
  const Target last = available_targets().back(), best = best_target();
  EXPECT_TRUE(best == last || (last == Target::kAvx512Bf16 && best == Target::kAvx512Vnni)) << name_of(best);
  EXPECT_EQ(chosen_target(), best);
  const Force empty("");
  EXPECT_EQ(chosen_target(), best);
}

/// What runs under a forced target is that target's code: its operations and, by name, its kernels.
TEST(Target, TheForcedOneRuns) {
  Rng rng(1, "forced");
  const testing::Layer layer("2:4", DType::kF32, 16, 16, rng);
  for (const Target target : available_targets()) {
    const std::string name(name_of(target));
    const Force force(name);
    ASSERT_EQ(chosen_target(), target);
    EXPECT_EQ(&ops_for(chosen_target()) == &kScalarOps, target == Target::kScalar);
    const LinearChoice choice = make_linear(layer.source, Precision::kF32, chosen_target());
    const auto table = linear_kernels();
    const auto kernel = std::ranges::find(table, choice.kernel, &LinearKernel::name);
    ASSERT_NE(kernel, table.end());
    EXPECT_TRUE(includes(target, kernel->needs)) << choice.kernel;
    EXPECT_EQ(kernel->needs == Target::kScalar, target == Target::kScalar) << choice.kernel;
    EXPECT_EQ(kernel->needs >= Target::kAvx512, target >= Target::kAvx512) << choice.kernel;
  }
}

TEST(Target, OneIncludesItselfAndWhatItIsBuiltOn) {
  const auto all = {Target::kScalar, Target::kNeon,       Target::kNeonDotprod, Target::kAvx2, Target::kAvxVnni,
                    Target::kAvx512, Target::kAvx512Vnni, Target::kAvx512Bf16,  Target::kAmx};
  for (const Target target : all) {
    EXPECT_TRUE(includes(target, target));
    EXPECT_TRUE(includes(target, Target::kScalar));
    EXPECT_EQ(includes(target, Target::kNeon), target == Target::kNeon || target == Target::kNeonDotprod);
    EXPECT_EQ(includes(target, Target::kAvx2), target >= Target::kAvx2);
    EXPECT_EQ(includes(target, Target::kAvxVnni), target == Target::kAvxVnni);  // Zen 4 has AVX-512 without it
    EXPECT_EQ(includes(target, Target::kAvx512), target >= Target::kAvx512);
    EXPECT_EQ(includes(Target::kScalar, target), target == Target::kScalar);
  }
}

TEST(Target, AnUnknownOneIsAUsageErrorThatNamesTheOthers) {
  for (const std::string name : {"sse9", "AVX2", "scalar "}) {
    const Force force(name);
    try {
      chosen_target();
      FAIL() << name;
    } catch (const UsageError& error) {
      const std::string what = error.what();
      EXPECT_NE(what.find("NXM_FORCE_TARGET"), std::string::npos) << what;
      EXPECT_NE(what.find("'" + name + "'"), std::string::npos) << what;
      for (const Target target : available_targets()) {
        EXPECT_NE(what.find(name_of(target)), std::string::npos) << what;
      }
    }
  }
}

}  // namespace
}  // namespace nxm
