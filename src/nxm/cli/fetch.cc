// SPDX-License-Identifier: Apache-2.0
// `nxm fetch`: a model from a hub into the cache that huggingface_hub uses too.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "nxm/cli/verbs.h"
#include "nxm/io/hub.h"
#include "nxm/io/json_fields.h"
#include "nxm/report/progress.h"

namespace nxm::cli {
namespace {

using Clock = std::chrono::steady_clock;

// One line a file: redrawn in place on a terminal, written once when the file is whole elsewhere.
class DownloadLine {
 public:
  void update(std::string_view file, uint64_t done, uint64_t size) {
    const Clock::time_point now = Clock::now();
    if (file != file_) {
      file_ = file;
      start_ = now;
      first_ = done;
      drawn_ = {};
    }
    const bool whole = done == size;
    if (style_ == Progress::Style::kBar ? !whole && now - drawn_ < std::chrono::milliseconds(100) : !whole) return;
    drawn_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const std::string total = size > 0 ? fmt::format(" of {}", size_text(static_cast<double>(size))) : "";
    const std::string rate =
        seconds > 0 ? fmt::format(", {}/s", size_text(static_cast<double>(done - first_) / seconds)) : "";
    const std::string line = fmt::format("{}  {}{}{}", file, size_text(static_cast<double>(done)), total, rate);
    if (style_ == Progress::Style::kBar) {
      fmt::print(stderr, "\r\033[K{}{}", line, whole ? "\n" : "");
    } else {
      fmt::print(stderr, "{}\n", line);
    }
  }

 private:
  Progress::Style style_ = Progress::detect();
  std::string file_;
  Clock::time_point start_, drawn_;
  uint64_t first_ = 0;  // bytes that an earlier run had left
};

std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(folder).string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

void add_fetch(Verb app) {
  struct Flags {
    std::string model;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  Verb verb = app.add("fetch", "Download a model from a hub, or find it in the cache");
  verb.option("MODEL", flags->model, "ORG/NAME or ORG/NAME@REVISION (branch, tag or commit)").required();
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "Prints the model's folder. Downloads are shared with Hugging Face's tools (HF_HOME, HF_HUB_CACHE);\n"
      "HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE are honoured.\n\n"
      "Example:\n  nxm fetch nreimers/MiniLM-L6-H384-uncased\n");
  verb.run([flags] {
    const HubName name = HubName::parse(flags->model);
    HubOptions options = HubOptions::from_environment();
    DownloadLine line;
    options.progress = [&](std::string_view file, uint64_t done, uint64_t size) { line.update(file, done, size); };
    options.say = [](std::string_view text) { fmt::print(stderr, "{}\n", text); };
    const std::filesystem::path folder = fetch_model(name.repo, name.revision, options);
    if (flags->json) {
      const OrderedJson json = {{"repo", name.repo},
                                {"revision", name.revision},
                                {"commit", folder.filename().string()},
                                {"path", folder.string()},
                                {"files", files_in(folder)}};
      fmt::print("{}\n", json.dump());
    } else {
      fmt::print("{}\n", folder.string());
    }
  });
}

}  // namespace nxm::cli
