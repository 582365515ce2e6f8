// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/suggest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nxm/core/rng.h"

namespace nxm {
namespace {

using Names = std::vector<std::string_view>;

TEST(Suggest, FindsTheSlipOfAFinger) {
  const Names keys = {"seed", "lr", "rho", "epochs", "weight_decay", "max_length", "pattern"};
  EXPECT_EQ(did_you_mean("epoch", keys), " (did you mean 'epochs'?)");
  EXPECT_EQ(did_you_mean("roh", keys), " (did you mean 'rho'?)");
  EXPECT_EQ(did_you_mean("WeightDecay", keys), " (did you mean 'weight_decay'?)");
  EXPECT_EQ(did_you_mean("max_lenght", keys), " (did you mean 'max_length'?)");
  EXPECT_EQ(did_you_mean("LR", keys), " (did you mean 'lr'?)");
  EXPECT_EQ(did_you_mean("temperature", keys), "");
  EXPECT_EQ(did_you_mean("", keys), "");
  EXPECT_EQ(did_you_mean("lr", {}), "");
  EXPECT_EQ(did_you_mean(std::string(1 << 20, 'x'), keys), "");
}

TEST(Suggest, TheFirstOfEquallyNearOnesWins) {
  EXPECT_EQ(did_you_mean("stagex", Names{"stagey", "stagez"}), " (did you mean 'stagey'?)");
  EXPECT_EQ(did_you_mean("stagex", Names{"stageyy", "stagez"}), " (did you mean 'stagez'?)");
}

TEST(Suggest, SoManyRandomEditsAreForgivenAndNoMore) {
  // Letters of the name are replaced by digits at distinct places, so the edit distance is the number of edits.
  Rng rng(1, "suggest");
  for (int round = 0; round < 500; ++round) {
    std::string name(3 + rng.below(20), 'a');
    for (char& c : name) c = static_cast<char>('a' + rng.below(26));
    const size_t edits = rng.below(name.size() + 1);
    std::string slip = name;
    for (size_t i = 0; i < edits; ++i) slip[i] = static_cast<char>('0' + i % 10);
    const bool near = edits < name.size() / 3 + 1;
    EXPECT_EQ(did_you_mean(slip, Names{name}), near ? " (did you mean '" + name + "'?)" : "") << slip;
  }
}

TEST(Suggest, QuotedList) {
  EXPECT_EQ(quoted_list({}), "");
  EXPECT_EQ(quoted_list(Names{"a"}), "'a'");
  EXPECT_EQ(quoted_list(Names{"a", "b"}), "'a' and 'b'");
  EXPECT_EQ(quoted_list(Names{"a", "b", "c"}), "'a', 'b' and 'c'");
}

}  // namespace
}  // namespace nxm
