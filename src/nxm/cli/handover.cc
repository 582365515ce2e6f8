// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/handover.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace nxm::cli {
namespace {

constexpr std::string_view kProgram = "nxm-train";
constexpr std::string_view kVerbs[] = {"finetune", "demo", "info"};

}  // namespace

bool needs_training(char* const* argv) {
  if (argv[0] == nullptr || argv[1] == nullptr || argv[1][0] == '-') return true;
  if (std::ranges::count(kVerbs, std::string_view(argv[1])) > 0) return true;
  for (char* const* word = argv + 2; *word != nullptr; ++word) {
    const std::string_view text = *word;
    if (text == "--engine=torch") return true;
    if (text == "--engine" && word[1] != nullptr && std::string_view(word[1]) == "torch") return true;
  }
  return false;
}

void hand_over(char* const* argv) {
  if (!needs_training(argv)) return;
  std::error_code none;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", none);
  if (none || self.filename() == kProgram) return;
  // A step goes through hundreds of megabytes: with huge pages, where Linux gives them on request, its
  // update takes a seventh less time (bench/notes/huge_pages.md). glibc reads this once, when a program starts.
  setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", /*overwrite=*/0);
  execv((self.parent_path() / kProgram).c_str(), argv);
}

}  // namespace nxm::cli
