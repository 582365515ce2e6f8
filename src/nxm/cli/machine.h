// SPDX-License-Identifier: Apache-2.0
#pragma once
// The processor this program runs on and how much of it the program may use, in words.

#include <filesystem>
#include <string>
#include <vector>

namespace nxm::cli {

struct Processor {
  std::string model = "unknown";
  std::vector<std::string> isa;  ///< of /proc/cpuinfo's flags, those that matrix kernels care about
};

Processor read_processor(const std::filesystem::path& cpuinfo);

struct ThreadBudget {
  int threads = 1;
  std::string reason;  ///< "NXM_THREADS", "a CPU quota of 1.5 processors", "2 processors in the affinity mask"
};

ThreadBudget thread_budget();

}  // namespace nxm::cli
