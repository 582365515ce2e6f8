// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/export.h"

#include <algorithm>

#include "nxm/core/error.h"

namespace nxm {
namespace {

std::string command(const Work& work) {
  std::string line;
  for (const std::string& word : work.argv) line += shell_quoted(word) + " ";
  line += fmt::format(">>{} 2>&1", shell_quoted(work.log.string()));
  if (line.find('\n') != std::string::npos) {
    fail_usage("sweep", "{}: a name has a line end in it, which a list of commands cannot hold", work.name);
  }
  return line;
}

}  // namespace

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,+-";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string_view::npos) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::string parallel_list(std::span<const Work> work) {
  std::string text;
  for (const Work& one : work) text += command(one) + "\n";
  return text;
}

std::string slurm_script(std::span<const Work> work, std::string_view name, int threads, uint64_t memory) {
  std::string job(name);  // sbatch's own lines are not read by a shell
  std::ranges::replace_if(
      job, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\''; }, '_');
  std::string text = fmt::format("#!/bin/sh\n#SBATCH --job-name={}\n#SBATCH --array=0-{}\n#SBATCH --cpus-per-task={}\n",
                                 job, std::max<size_t>(1, work.size()) - 1, threads);
  if (memory > 0) text += fmt::format("#SBATCH --mem={}M\n", memory / 1'000'000 + 1);
  text += "#SBATCH --output=/dev/null\ncase \"$SLURM_ARRAY_TASK_ID\" in\n";
  for (size_t i = 0; i < work.size(); ++i) text += fmt::format("{}) exec {} ;;\n", i, command(work[i]));
  return text + "*) echo \"no run $SLURM_ARRAY_TASK_ID\" >&2; exit 2 ;;\nesac\n";
}

}  // namespace nxm
