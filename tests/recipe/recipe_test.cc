// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/recipe.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "io/support.h"
#include "nxm/core/env.h"
#include "recipe/support.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

TEST(Recipe, ReadsEveryKindOfKey) {
  const Recipe recipe = Recipe::parse(
      "seed = 7\nprecision = 'bf16'\ndevice = 'cuda:1'\nthreads = 2\ncheckpoint_every = 50\nkeep_stages = true\n"
      "[model]\npath = 'org/name'\n[task]\nname = 'STS-B'\ndata = '../d/'\nlimit = 100\n"
      "[[stage]]\nmethod = 'dense'\nepochs = 0.5\nlr = 1e-4\nbatch = 8\nwarmup = 0.06\nweight_decay = 0.01\nclip = 0\n"
      "max_length = 64\nbest = true\n"
      "[[stage]]\nmethod = 'admm'\nname = 'try'\nfrom = ''\npattern = '4:8x2'\nrho = 2\nrho_schedule = 'linear'\n"
      "pull = 3\ndual = 0.5\nevery = 100\n",
      "/a/b/r.toml");
  EXPECT_EQ(recipe.seed, 7u);
  EXPECT_EQ(recipe.precision, "bf16");
  EXPECT_EQ(recipe.device, "cuda:1");
  EXPECT_EQ(recipe.threads, 2);
  EXPECT_EQ(recipe.checkpoint_every, 50);
  EXPECT_TRUE(recipe.keep_stages);
  EXPECT_EQ(recipe.model, "org/name");
  EXPECT_EQ(recipe.task.name, "stsb");
  EXPECT_FALSE(recipe.custom_task);
  EXPECT_EQ(recipe.data, "/a/d");
  EXPECT_EQ(recipe.limit, 100);
  ASSERT_EQ(recipe.stages.size(), 2u);
  const StageSpec& dense = recipe.stages[0];
  EXPECT_EQ(dense.name, "dense");
  EXPECT_EQ(dense.epochs, 0.5);
  EXPECT_EQ(dense.lr, 1e-4);
  EXPECT_EQ(dense.batch, 8);
  EXPECT_EQ(dense.warmup, 0.06);
  EXPECT_EQ(dense.weight_decay, 0.01);
  EXPECT_EQ(dense.clip, 0);
  EXPECT_EQ(dense.max_length, 64);
  EXPECT_TRUE(dense.best);
  const StageSpec& admm = recipe.stages[1];
  EXPECT_EQ(admm.name, "try");
  EXPECT_EQ(admm.from, "");
  EXPECT_EQ(admm.pattern, Pattern({4, 8, 2}));
  EXPECT_EQ(admm.rho, 2);
  EXPECT_EQ(admm.rho_schedule, "linear");
  EXPECT_EQ(admm.pull, 3);
  EXPECT_EQ(admm.dual, 0.5);
  EXPECT_EQ(admm.every, "100");
}

TEST(Recipe, PathsAreTakenFromTheRecipesFolder) {
  const auto model = [](const std::string& path, std::vector<std::string> set = {}) {
    return Recipe::parse("[model]\npath = \"" + path + "\"\n[task]\nname = 'rte'\n[[stage]]\nmethod = 'dense'\n",
                         "/no/such/folder/r.toml", set);
  };
  EXPECT_EQ(model("org/name").model, "org/name") << "no such folder: a name on the hub";
  EXPECT_EQ(model("./org/name").model, "/no/such/folder/org/name");
  EXPECT_EQ(model("name").model, "/no/such/folder/name");
  EXPECT_EQ(model("../a/b/").model, "/no/such/a/b");
  EXPECT_EQ(model("/x").model, "/x");
  EXPECT_EQ(model("~/x").model, (env::home() / "x").string());
  EXPECT_EQ(model("a/b/c").model, "/no/such/folder/a/b/c");
  EXPECT_EQ(model("x").data, "/no/such/folder");
  EXPECT_EQ(model("x", {"model.path=sub/dir/y"}).model, (fs::current_path() / "sub/dir/y").string());
  EXPECT_EQ(model("x", {"task.data=.."}).data, fs::current_path().parent_path());

  const testing::TempFolder temporary;
  const fs::path folder = temporary.path();
  fs::create_directories(folder / "org" / "name");
  EXPECT_EQ(Recipe::parse("[model]\npath = 'org/name'\n[task]\nname = 'rte'\n[[stage]]\nmethod = 'dense'\n",
                          folder / "r.toml")
                .model,
            (folder / "org" / "name").string())
      << "a folder that is there comes first";
}

TEST(Recipe, LoadRefusesWhatIsNotAFile) {
  const testing::TempFolder temporary;
  const fs::path folder = temporary.path();
  ASSERT_EQ(mkfifo((folder / "fifo").c_str(), 0600), 0);
  for (const char* name : {"absent", "fifo", "."}) EXPECT_THROW(Recipe::load(folder / name), Error) << name;
  std::ofstream(folder / "long.toml") << "#" << std::string((1 << 20) + 5, 'x');
  EXPECT_THROW(Recipe::load(folder / "long.toml"), Error);
  std::ofstream(folder / "r.toml") << with_stages("[[stage]]\nmethod = 'dense'\n");
  EXPECT_EQ(Recipe::load(folder / "r.toml").model, (folder / "m").string());
}

// What is wrong, the line it stands on, and a word that helps.
TEST(Recipe, ErrorsNameLineAndNearestKey) {
  const struct {
    std::string toml, line, hint;
  } cases[] = {
      {"seeed = 1\n" + kHead, ":1]", "did you mean 'seed'?"},
      {"[modle]\npath = 'm'\n", ":1]", "did you mean 'model'?"},
      {kHead + "[[stagge]]\nmethod = 'dense'\n", ":5]", "did you mean 'stage'?"},
      {with_stages("[[stage]]\nmetod = 'dense'\n"), ":6]", "did you mean 'method'?"},
      {with_stages("[[stage]]\nmethod = 'dense'\nmax_seq_len = 1\n"), ":7]", "did you mean 'max_length'?"},
      {"\nlr = 1\n" + kHead, ":2]", "it belongs in [[stage]]"},
      {"[model]\npath = \"m\n" + kHead, ":2]", "a string is not closed on this line"},
      {"model = 'x'\n[task]\nname='rte'", ":1]", "[model]"},
      {"task = 3\n[model]\npath='m'", ":1]", "[task]"},
      {kHead + "stage = 3\n", ":5]", "unknown key \"stage\" in [task]"},
      {"stage = 3\n" + kHead, ":1]", "[[stage]]"},
      {"stage = [1]\n" + kHead, ":1]", "[[stage]]"},
      {"stage = []\n" + kHead, ":1]", "0 stages"},
      {with_stages("[stage]\nmethod = 'dense'\n"), ":5]", "[[stage]]"},
      {kHead, "r.toml]", "at least one [[stage]]"},
      {with_stages("[[stage]]\nlr = 1e-4\n"), ":5]", "'admm'"},
      {with_stages("[[stage]]\nmethod = 'amdm'\n"), ":6]", "did you mean 'admm'?"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlearning_rate = 1\n"), ":7]", "did you mean 'lr'?"},
      {with_stages("[[stage]]\nmethod = 'dense'\npaterns = 1\n"), ":7]", "did you mean 'pattern'?"},
      {with_stages("[[stage]]\nmethod = 'dense'\nzzzzzzzz = 1\n"), ":7]", "there are 'method'"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = 'fast'\n"), ":7]", "got \"fast\""},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = nan\n"), ":7]", "got nan"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = inf\n"), ":7]", "got inf"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = 0\n"), ":7]", "above 0"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = -1e-4\n"), ":7]", "above 0"},
      {with_stages("[[stage]]\nmethod = 'dense'\nepochs = 0\n"), ":7]", "above 0"},
      {with_stages("[[stage]]\nmethod = 'dense'\nbatch = 0\n"), ":7]", "from 1 to"},
      {with_stages("[[stage]]\nmethod = 'dense'\nbatch = 8.5\n"), ":7]", "whole number"},
      {with_stages("[[stage]]\nmethod = 'dense'\nbatch = true\n"), ":7]", "got true"},
      {with_stages("[[stage]]\nmethod = 'dense'\nbest = 1\n"), ":7]", "true or false"},
      {with_stages("[[stage]]\nmethod = 'dense'\nname = '../x'\n"), ":7]", "letters"},
      {with_stages("[[stage]]\nmethod = 'dense'\nname = '3'\n"), ":7]", "not a number"},
      {with_stages("[[stage]]\nmethod = 'dense'\nname = ['a']\n"), ":7]", "got a list"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = 1979-05-27\n"), ":7]", "got a date"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr.x = 1\n"), ":7]", "got a table"},
      {with_stages("[[stage]]\nmethod = 'oneshot'\npattern = '4:2'\n"), ":7]", "4:2"},
      {with_stages("[[stage]]\nmethod = 'oneshot'\npattern = '0:4'\n"), ":7]", "0:4"},
      {with_stages("[[stage]]\nmethod = 'oneshot'\npattern = '2:4:8'\n"), ":7]", "2:4:8"},
      {with_stages("[[stage]]\nmethod = 'oneshot'\npattern = 24\n"), ":7]", "keep:of"},
      {with_stages("[[stage]]\nmethod = 'dense'\npattern = '9:4'\n"), ":7]", "9:4"},  // of no use there, still checked
      {with_stages("[[stage]]\nmethod = 'admm'\npreset = 'papre'\n"), ":7]", "did you mean 'paper'?"},
      {with_stages("[[stage]]\nmethod = 'admm'\nevery = 'often'\n"), ":7]", "0.25 epoch"},
      {with_stages("[[stage]]\nmethod = 'admm'\nevery = 0\n"), ":7]", "0.25 epoch"},
      {with_stages("[[stage]]\nmethod = 'admm'\nrho = 0\npull = 0\n"), ":5]", "nothing pulls"},
      {with_stages("[[stage]]\nmethod = 'admm'\nrho_schedule = 'balanced'\n"), ":5]", "from rho = 0 on"},
      {with_stages("[[stage]]\nmethod = \"dense\n"), ":6]", "string"},
      {with_stages("[task]\nname = 'rte'\n"), ":5]", "redefine"},
      {with_stages("[[stage]]\nmethod = 'dense'\nlr = 1e-4\nlr = 1e-5\n"), ":8]", "redefine"},
      {"device = 'gpu'\n" + kHead, ":1]", "cuda:N"},
      {"device = 'cuda:x'\n" + kHead, ":1]", "cuda:N"},
      {"seed = -1\n" + kHead, ":1]", "from 0 to"},
      {"seed = 9223372036854775807\n" + kHead, ":1]", "from 0 to 9007199254740992"},
      {"precision = 'fp16'\n" + kHead, ":1]", "'fp32' and 'bf16'"},
      {"[model]\npath = ''\n", ":2]", "expected text"},
      {"[model]\npath = \"a\\u0000b\"\n", ":2]", "expected text"},
      {"[task]\nname = 'rte'\n[[stage]]\nmethod = 'dense'\n", "r.toml]", "[model] needs 'path'"},
      {"[model]\npath = 'm'\n[[stage]]\nmethod = 'dense'\n", "r.toml]", "[task] needs 'name'"},
      {"[model]\npath = 'm'\n\n[task]\nname = 'mrcp'\n", ":4]", "did you mean 'mrpc'?"},
      {"\"a\\u001bb\" = 1\n", ":1]", "\\u001B"},  // no raw escape sequence reaches the terminal
      {"", "r.toml]", "needs"},
      {"\xff\xfe", ":1]", "utf-8"},
      {std::string(5000, '.'), "r.toml]", "dots"},
  };
  for (const auto& c : cases) {
    const std::string message = complaint(c.toml);
    expect_has(message, "[r.toml");
    expect_has(message, c.line);
    expect_has(message, c.hint);
  }
}

TEST(Recipe, KeysThatAMethodHasNoUseForHaveNoEffect) {
  const auto plain = stages_of("[[stage]]\nmethod = 'dense'\n[[stage]]\nmethod = 'oneshot'\n");
  const auto given = stages_of(
      "[[stage]]\nmethod = 'dense'\nrho = 3\npattern = '4:8'\nevery = 5\n[[stage]]\nmethod = 'oneshot'\nepochs = 3\nlr "
      "= 1e-3\n");
  EXPECT_EQ(given[1].epochs, 0);
  EXPECT_EQ(given[0].pattern, plain[0].pattern);
  EXPECT_EQ(given[0].rho, plain[0].rho);
  EXPECT_EQ(given[1].lr, plain[1].lr);
}

TEST(Recipe, PresetsSetTheDefaultsOfAdmm) {
  const auto stages = stages_of(
      "[[stage]]\nmethod = 'admm'\n[[stage]]\nmethod = 'admm'\npreset = 'paper'\n"
      "[[stage]]\nevery = '0.5 epoch'\nmethod = 'admm'\nrho = 4e-3\npreset = 'paper'\n");
  EXPECT_EQ(stages[0].preset, "converge");
  EXPECT_GT(stages[0].pull, 0);
  EXPECT_EQ(stages[1].pull, 0);
  EXPECT_EQ(stages[1].rho, 1e-3);
  EXPECT_EQ(stages[1].dual, 1);
  EXPECT_EQ(stages[1].every, "epoch");
  EXPECT_EQ(stages[2].rho, 4e-3);
  EXPECT_EQ(stages[2].every, "0.5 epoch");
  EXPECT_EQ(stages[2].dual, 1);
}

TEST(Recipe, IntervalsInSteps) {
  EXPECT_EQ(parse_interval("epoch", 230), 230);
  EXPECT_EQ(parse_interval("0.25 epoch", 230), 58);
  EXPECT_EQ(parse_interval("1e-9 epoch", 230), 1);
  EXPECT_EQ(parse_interval("2 epoch", 230), 460);
  EXPECT_EQ(parse_interval("100", 7), 100);
  for (const char* bad :
       {"", "0", "-5", "1.5", "nan", "inf", "epochs", "0 epoch", "5 steps", "1e300", "0.25epoch", " 5"}) {
    EXPECT_EQ(parse_interval(bad, 230), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace nxm
