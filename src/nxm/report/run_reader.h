// SPDX-License-Identifier: Apache-2.0
#pragma once
// Run folders back into memory. They are taken for hostile, and for half-written: what is whole is read, and what is
// not becomes a line of Run::problems.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "nxm/report/run_record.h"

namespace nxm {

/// The run folders that are meant, each once: a run's folder itself, else all that lie in the folder or in its runs/
/// (what a sweep leaves), by name. Throws Error that names a folder in which there is no run.
std::vector<std::filesystem::path> find_runs(std::span<const std::string> folders);

/// Throws nothing but what the machine may lack (memory).
RunRecord read_run(const std::filesystem::path& folder);

/// read_run of each; runs that would have the same name are called by as much of their paths as tells them apart.
std::vector<RunRecord> read_runs(std::span<const std::filesystem::path> folders);

}  // namespace nxm
