// SPDX-License-Identifier: Apache-2.0
#pragma once
// run.jsonl back into curves, line by line: a log of any length takes bounded memory. A line that is damaged is passed
// over and counted.

#include <filesystem>
#include <functional>
#include <string_view>

#include "nxm/report/run_record.h"

namespace nxm {

inline constexpr size_t kLongestLine = size_t{1} << 20;  ///< a line of run.jsonl has a few hundred bytes
inline constexpr size_t kMostStages = 256;               ///< that a log may name

/// Calls `use(number from 1, text)` for each line of a regular file that is not empty. A line that is too long comes as
/// its first kLongestLine bytes and one more. Returns whether the last line has its end. Throws Error.
bool for_each_line(const std::filesystem::path& file, const std::function<void(size_t, std::string_view)>& use);

/// Adds the curves and scores of run.jsonl to `run`'s stages, and what is wrong with the file to its problems.
void read_run_log(const std::filesystem::path& file, RunRecord& run);

}  // namespace nxm
