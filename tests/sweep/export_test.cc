// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/export.h"

#include <array>
#include <cstdio>

#include "nxm/core/rng.h"
#include "nxm/io/input_file.h"
#include "sweep/support.h"

namespace nxm {
namespace {

// What /bin/sh prints for a script.
std::string shell(const fs::path& folder, const std::string& script) {
  write_file(folder / "script.sh", script);
  FILE* pipe = popen(("/bin/sh " + (folder / "script.sh").string() + " 2>&1").c_str(), "r");
  std::string text;
  std::array<char, 4096> piece{};
  for (size_t n = 0; (n = fread(piece.data(), 1, piece.size(), pipe)) > 0;) text.append(piece.data(), n);
  pclose(pipe);
  return text;
}

TEST(Export, PlainWordsStayPlain) {
  EXPECT_EQ(shell_quoted("runs/a-1,b.toml"), "runs/a-1,b.toml");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted("a=b"), "'a=b'");
  EXPECT_EQ(shell_quoted("~"), "'~'");
}

TEST(Export, TheShellReadsBackWhatWasQuoted) {
  const test::Folder folder;
  Rng rng(1, "quoting");
  const std::string alphabet = "ab '\"\\$`!*?[]{}()<>|&;#~\t=%^\xc3\xa9";
  for (int round = 0; round < 60; ++round) {
    std::string word;
    for (uint64_t n = rng.below(12); n > 0; --n) word += alphabet[rng.below(alphabet.size())];
    EXPECT_EQ(shell(folder.path, "printf '[%s]' " + shell_quoted(word) + "\n"), "[" + word + "]");
  }
}

std::vector<Work> two_commands(const fs::path& folder) {
  return {{"a", {"/bin/echo", "one", "$HOME"}, folder / "a b.log", "", 0},
          {"b", {"/bin/echo", "two's"}, folder / "c'.log", "", 0}};
}

TEST(Export, ParallelIsALineForEach) {
  const test::Folder folder;
  const std::string list = parallel_list(two_commands(folder.path));
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 2);
  EXPECT_EQ(shell(folder.path, list), "");
  EXPECT_EQ(read_file(folder.path / "a b.log"), "one $HOME\n");
  EXPECT_EQ(read_file(folder.path / "c'.log"), "two's\n");
  EXPECT_EQ(parallel_list({}), "");
}

TEST(Export, SlurmRunsTheTasksCommand) {
  const test::Folder folder;
  const std::string script = slurm_script(two_commands(folder.path), "my 'sweep", 3, 1'500'000'000);
  for (const char* line : {"#SBATCH --job-name=my__sweep\n", "#SBATCH --array=0-1\n", "#SBATCH --cpus-per-task=3\n",
                           "#SBATCH --mem=1501M\n"}) {
    test::expect_has(script, line);
  }
  EXPECT_EQ(shell(folder.path, "SLURM_ARRAY_TASK_ID=1\n" + script), "");
  EXPECT_FALSE(fs::exists(folder.path / "a b.log"));
  EXPECT_EQ(read_file(folder.path / "c'.log"), "two's\n");
  EXPECT_EQ(shell(folder.path, "SLURM_ARRAY_TASK_ID=7\n" + script), "no run 7\n");
}

TEST(Export, LineEndsAreRefused) {
  EXPECT_THROW(parallel_list(std::vector<Work>{{"a", {"/bin/echo", "x\ny"}, "log", "", 0}}), UsageError);
}

}  // namespace
}  // namespace nxm
