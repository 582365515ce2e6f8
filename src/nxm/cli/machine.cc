// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <string_view>

#include "nxm/core/cpu_quota.h"
#include "nxm/core/env.h"
#include "nxm/core/thread_pool.h"

namespace nxm::cli {
namespace {

// Spelt as the kernel spells them, x86 first.
constexpr std::array kIsaFlags = std::to_array<std::string_view>(
    {"sse4_2",   "avx",         "avx2",        "fma",         "f16c",     "avx_vnni", "avx512f",  "avx512bw",
     "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16", "asimd",
     "asimdhp",  "asimddp",     "i8mm",        "bf16",        "sve",      "sve2"});

}  // namespace

Processor read_processor(const std::filesystem::path& cpuinfo) {
  Processor processor;
  std::ifstream file(cpuinfo);
  for (std::string line; std::getline(file, line) && !line.empty();) {  // the first processor's paragraph
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    const std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (key == "model name") processor.model = value;
    if (key != "flags" && key != "Features") continue;
    std::istringstream words(value);
    for (std::string word; words >> word;) {
      if (std::ranges::find(kIsaFlags, word) != kIsaFlags.end()) processor.isa.push_back(word);
    }
  }
  return processor;
}

ThreadBudget thread_budget() {
  const int threads = available_threads();
  if (env::get("NXM_THREADS")) return {threads, "NXM_THREADS"};
  const int processors = affinity_count();
  const auto quota = cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup");
  if (quota && *quota < processors) return {threads, fmt::format("a CPU quota of {:.3g} processors", *quota)};
  return {threads, fmt::format("{} processors in the affinity mask", processors)};
}

}  // namespace nxm::cli
