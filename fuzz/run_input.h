// SPDX-License-Identifier: Apache-2.0
#pragma once
// One input of the fuzzer of run folders: recipe.toml, run.jsonl, all_results.json and bench.json, a NUL byte between
// them.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/report/report_page.h"
#include "nxm/report/run_reader.h"

namespace nxm {

/// Whatever the files hold, the run is read, and makes a page without markup of its own. They are written to `folder`.
inline void fuzz_run(std::string_view input, const std::filesystem::path& folder) {
  for (const char* file : {"recipe.toml", "run.jsonl", "all_results.json", "bench.json"}) {
    const std::string_view part = input.substr(0, input.find('\0'));
    std::ofstream(folder / file, std::ios::binary) << part;
    input.remove_prefix(std::min(input.size(), part.size() + 1));
  }
  const std::vector<RunRecord> runs{read_run(folder)};
  const std::string page = report_page(runs, {});
  for (const char* markup : {"<script", "<img", "<b>"}) {
    if (page.find(markup) != page.npos) throw ContractError(std::string("the page holds ") + markup);
  }
}

}  // namespace nxm
