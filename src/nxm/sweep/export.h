// SPDX-License-Identifier: Apache-2.0
#pragma once
// A list of commands for somebody else to run: GNU parallel, or Slurm as an array.

#include <span>
#include <string>
#include <string_view>

#include "nxm/sweep/runner.h"

namespace nxm {

/// `word` as a POSIX shell reads it back: as it is where that is safe, else in single quotes.
std::string shell_quoted(std::string_view word);

/// A line for each: "nxm finetune … >>log 2>&1". For `parallel < FILE`. Throws UsageError for a word with a line end,
/// which no such list can hold.
std::string parallel_list(std::span<const Work> work);

/// A job array's script for sbatch; each task runs one command on `threads` processors and `memory` bytes (0: not
/// known), their number is the position in `work`.
std::string slurm_script(std::span<const Work> work, std::string_view name, int threads, uint64_t memory);

}  // namespace nxm
