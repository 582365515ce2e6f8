// SPDX-License-Identifier: Apache-2.0
// `nxm report`: one page of HTML from one or many runs.

#include <fmt/format.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/report/compare.h"
#include "nxm/report/json_text.h"
#include "nxm/report/report_page.h"
#include "nxm/report/run_reader.h"

namespace nxm::cli {
namespace {

namespace fs = std::filesystem;

struct ReportFlags {
  std::vector<std::string> folders;
  std::string out, figures;
  bool json = false, force = false;
};

OrderedJson to_json(const RunRecord& run) {
  OrderedJson stages = OrderedJson::array();
  for (const StageRun& stage : run.stages) {
    OrderedJson metrics = OrderedJson::object();
    if (stage.result) {
      for (const auto& [name, value] : stage.result->metrics) metrics[name] = value;
    } else {
      for (const auto& [name, value] : stage.final_metrics) metrics[name] = value;
    }
    OrderedJson entry{{"name", stage.name}, {"method", stage.method}, {"pattern", stage.pattern}, {"metrics", metrics},
                      {"score", nullptr},   {"sparsity", nullptr},    {"seconds", nullptr}};
    if (stage.final_score) entry["score"] = *stage.final_score;
    if (stage.result) {
      entry["score"] = stage.result->score;
      entry["sparsity"] = stage.result->sparsity;
      entry["seconds"] = stage.result->seconds;
    }
    stages.push_back(std::move(entry));
  }
  return {{"name", run.name},
          {"path", run.folder.string()},
          {"finished", run.finished},
          {"problems", run.problems},
          {"stages", std::move(stages)}};
}

OrderedJson means_json(const std::vector<RunRecord>& runs) {
  OrderedJson means = OrderedJson::array();
  for (const auto& group : seed_groups(runs)) {
    const std::vector<size_t> members = counted(runs, group);
    if (members.size() < 2) continue;
    OrderedJson names = OrderedJson::array(), stages = OrderedJson::array();
    for (const size_t i : members) names.push_back(runs[i].name);
    for (size_t stage = 0; stage < runs[members.front()].stages.size(); ++stage) {
      std::vector<double> scores;
      scores.reserve(members.size());
      for (const size_t i : members) scores.push_back(runs[i].stages[stage].result->score);
      const Spread spread = spread_of(scores);
      stages.push_back({{"name", runs[members.front()].stages[stage].name},
                        {"score", {{"mean", spread.mean}, {"sd", spread.deviation}}}});
    }
    means.push_back({{"runs", std::move(names)}, {"stages", std::move(stages)}});
  }
  return means;
}

// Before anything is read, so that nobody waits for an answer that has no place.
void check_out(const ReportFlags& flags) {
  std::error_code ignored;
  if (fs::is_directory(flags.out, ignored)) fail(flags.out, "is a folder; --out needs a file, report.html say");
  if (!flags.force && fs::exists(flags.out, ignored)) {
    fail(flags.out, "exists; replace it by --force, or choose another --out");
  }
  if (!flags.figures.empty() && fs::exists(flags.figures, ignored) && !fs::is_directory(flags.figures, ignored)) {
    fail(flags.figures, "is no folder; --figures needs one, which may be new");
  }
}

// "Residuals, stage admm" -> "residuals-stage-admm"; what a file system takes, however long a run's name is.
std::string file_name(std::string_view title) {
  constexpr size_t kLongest = 100;
  std::string name;
  for (const char c : title.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      name += static_cast<char>(std::tolower(byte));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  return name.ends_with('-') ? name.substr(0, name.size() - 1) : name;
}

// All or, if one is in the way, none.
void write_figures(const ReportFlags& flags, const std::vector<Section>& sections) {
  std::map<fs::path, const Figure*> files;
  for (const Section& section : sections) {
    for (const Figure& figure : section.figures) {
      if (!has_points(figure.plot)) continue;
      const std::string name = file_name(figure.plot.title);
      fs::path file = fs::path(flags.figures) / (name + ".svg");
      for (int n = 2; files.contains(file); ++n) file.replace_filename(fmt::format("{}-{}.svg", name, n));
      if (!flags.force && fs::exists(file)) fail(file.string(), "exists; replace it by --force");
      files[file] = &figure;
    }
  }
  fs::create_directories(flags.figures);
  for (const auto& [file, figure] : files) write_file(file, figure_file(*figure));
  fmt::print(stderr, "{}: {} figures\n", flags.figures, files.size());
}

void report(const ReportFlags& flags) {
  check_out(flags);
  const std::vector<fs::path> folders(flags.folders.begin(), flags.folders.end());
  std::vector<RunRecord> runs = read_runs(find_runs(flags.folders));
  const Retentions retentions = read_retentions(runs);
  for (const RunRecord& run : runs) {
    for (const std::string& problem : run.problems) fmt::print(stderr, "{}: {}\n", run.name, problem);
  }
  const std::vector<Section> sections = report_sections(runs, retentions, folders);
  if (!flags.figures.empty()) write_figures(flags, sections);
  write_file(flags.out, report_page(runs, sections));
  if (flags.json) {
    OrderedJson json{{"out", flags.out}, {"runs", OrderedJson::array()}, {"means", means_json(runs)}};
    for (const RunRecord& run : runs) json["runs"].push_back(to_json(run));
    fmt::print("{}\n", json_text(json));
  } else {
    fmt::print(stderr, "{}: {} run{}\n", flags.out, runs.size(), runs.size() == 1 ? "" : "s");
  }
}

}  // namespace

void add_report(Verb app) {
  auto flags = std::make_shared<ReportFlags>();
  Verb verb = app.add("report", "One page of HTML from one or many runs: results, curves, comparisons");
  verb.option("RUN", flags->folders, "Folder of a run, or one that holds runs (a sweep's)").required();
  verb.option("--out", flags->out, "File to write").required();
  verb.option("--figures", flags->figures, "Folder for each plot as an SVG file of its own");
  verb.flag("--force", flags->force, "Replace files that exist");
  verb.flag("--json", flags->json, "Print what was found as one JSON object");
  verb.footer(
      "The page stands alone: no script, nothing fetched. Runs that are unfinished or damaged are named in it and on "
      "stderr.\n\nExample:\n  nxm report runs/mrpc runs/rte --out report.html\n");
  verb.run([flags] { report(*flags); });
}

}  // namespace nxm::cli
