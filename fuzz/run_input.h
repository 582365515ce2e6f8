// SPDX-License-Identifier: Apache-2.0
#pragma once
// One input of the fuzzer of run folders: recipe.toml, run.jsonl, all_results.json and bench.json of a run, then those
// of the next, a NUL byte between them.

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

inline constexpr size_t kMostFuzzRuns = 4;  // two values of a key with two seeds each

/// Whatever the files hold, the runs are read, and make a page without markup of their own whose lines a browser can
/// draw. They are written to folders in `folder`.
inline void fuzz_run(std::string_view input, const std::filesystem::path& folder) {
  std::vector<RunRecord> runs;
  do {
    const std::filesystem::path run = folder / std::to_string(runs.size());
    std::filesystem::create_directories(run);
    for (const char* file : {"recipe.toml", "run.jsonl", "all_results.json", "bench.json"}) {
      const std::string_view part = input.substr(0, input.find('\0'));
      std::ofstream(run / file, std::ios::binary) << part;
      input.remove_prefix(std::min(input.size(), part.size() + 1));
    }
    runs.push_back(read_run(run));
  } while (!input.empty() && runs.size() < kMostFuzzRuns);
  const std::string page = report_page(runs, report_sections(runs, {}));
  for (const char* markup : {"<script", "<img", "<b>"}) {
    if (page.find(markup) != page.npos) throw ContractError(std::string("the page holds ") + markup);
  }
  constexpr std::string_view kPath = " d=\"";  // no text of a run holds a quotation mark unescaped
  for (size_t at = page.find(kPath); at != page.npos; at = page.find(kPath, at)) {
    at += kPath.size();
    const std::string path = page.substr(at, page.find('"', at) - at);
    if (path.find_first_of("ni") != path.npos) throw ContractError("a line goes through nan or inf: " + path);
  }
}

}  // namespace nxm
