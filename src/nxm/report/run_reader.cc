// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"
#include "nxm/recipe/keys.h"
#include "nxm/recipe/lines.h"
#include "nxm/report/run_log_reader.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr double kNoLimit = std::numeric_limits<double>::max();
constexpr int64_t kMany = std::numeric_limits<int64_t>::max();
constexpr size_t kLargestText = size_t{16} << 20;  // bytes of all_results.json: far above any real one
constexpr size_t kMostBench = 1000;                // lines of bench.json

bool has(const fs::path& folder, const char* file) {
  std::error_code ignored;
  return fs::exists(folder / file, ignored);
}

// A run from its first moment has a recipe; other files may outlive it.
bool looks_like_run(const fs::path& folder) {
  return has(folder, "run.jsonl") || has(folder, "recipe.toml") || has(folder, "all_results.json");
}

std::vector<fs::path> runs_within(const fs::path& folder) {
  std::vector<fs::path> runs;
  for (const fs::path& place : {folder, folder / "runs"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(place, error)) {
      std::error_code ignored;
      if (entry.is_directory(ignored) && looks_like_run(entry.path())) runs.push_back(entry.path());
    }
  }
  std::ranges::sort(runs);
  return runs;
}

void read_recipe(RunRecord& run) {
  if (!has(run.folder, "recipe.toml")) {
    run.problems.emplace_back("recipe.toml is missing: the run is in no mean and no comparison");
    return;
  }
  run.recipe = Recipe::load(run.folder / "recipe.toml");
  for (const RecipeLine& line : recipe_lines(*run.recipe)) {
    std::string path = line.path;
    if (line.section == "stage") {
      const size_t index = std::stoul(path.substr(path.find('.') + 1));
      path = fmt::format("stage.{}.", run.recipe->stages.at(index).name);
    }
    run.keys[path + std::string(line.key)] = line.value;
  }
  for (const StageSpec& spec : run.recipe->stages) {
    StageRun& stage = run.stages.emplace_back();
    stage.name = spec.name;
    stage.method = spec.method;
    stage.from = spec.from;
    if (concerns(Use::kSparse, spec)) stage.pattern = spec.pattern.str();
  }
}

StageResult read_result(const Json& json, const std::string& where) {
  const JsonFields fields(json, "all_results.json", where);
  StageResult result;
  result.index = fields.integer("index", 0, kMany);
  result.name = fields.string("name");
  result.method = fields.string("method");
  result.pattern = fields.string("pattern");
  const JsonFields metrics = fields.object("metrics");
  for (const auto& [name, value] : metrics.raw().items())
    result.metrics.emplace_back(name, metrics.number(name, -kNoLimit, kNoLimit));
  result.score = fields.number("score", -kNoLimit, kNoLimit);
  result.sparsity = fields.number("sparsity", 0, 1);
  result.seconds = fields.number("seconds", 0, kNoLimit);
  result.tokens_per_second = fields.number("tokens_per_second", 0, kNoLimit);
  return result;
}

void read_results(RunRecord& run) {
  if (!has(run.folder, "all_results.json")) {
    run.problems.emplace_back("all_results.json is missing: the run is not finished, or still at work");
    return;
  }
  const Json json = parse_json(read_file(run.folder / "all_results.json", kLargestText), "all_results.json");
  const Json& list = JsonFields(json, "all_results.json").array("stages");
  if (list.size() > kMostStages) fail("all_results.json", "{} stages; {} are read", list.size(), kMostStages);
  std::vector<StageResult> results;
  for (const Json& entry : list) results.push_back(read_result(entry, fmt::format("$.stages[{}]", results.size())));
  for (StageResult& result : results) {
    StageRun* stage = run.find(result.name);
    if (stage == nullptr) {
      stage = &run.stages.emplace_back();
      stage->name = result.name;
    }
    stage->method = result.method;
    stage->pattern = result.pattern;
    stage->result = std::move(result);
  }
  run.finished = !results.empty();
  for (const StageRun& stage : run.stages) {
    if (stage.result) continue;
    run.finished = false;
    run.problems.push_back(fmt::format("all_results.json tells nothing of stage '{}'", stage.name));
  }
}

BenchLine read_bench_line(const Json& json) {
  const JsonFields fields(json, "bench.json");
  return {.precision = fields.string("precision"),
          .pattern = fields.string("pattern"),
          .cpu = fields.string("cpu", ""),
          .batch = fields.integer("batch", 1, kMany),
          .tokens = fields.integer("tokens", 1, kMany),
          .threads = fields.integer("threads", 1, kMany),
          .median_ms = fields.number("median_ms", 0, kNoLimit),
          .p99_ms = fields.number("p99_ms", 0, kNoLimit),
          .tokens_per_second = fields.number("tokens_per_second", 0, kNoLimit)};
}

void read_bench(RunRecord& run) {
  if (!has(run.folder, "bench.json")) return;
  for_each_line(run.folder / "bench.json", [&](size_t, std::string_view text) {
    if (run.bench.size() >= kMostBench) fail("bench.json", "more than {} lines", kMostBench);
    run.bench.push_back(read_bench_line(parse_json(text, "bench.json")));
  });
}

// A log that goes on after the results were written, or results of another run.
void compare_scores(RunRecord& run) {
  for (const StageRun& stage : run.stages) {
    if (!stage.result || !stage.final_score || stage.result->score == *stage.final_score) continue;
    run.finished = false;
    run.problems.push_back(fmt::format("stage '{}' has score {} in all_results.json and {} in run.jsonl", stage.name,
                                       stage.result->score, *stage.final_score));
  }
}

}  // namespace

std::vector<fs::path> find_runs(std::span<const std::string> folders) {
  std::vector<fs::path> runs;
  std::set<fs::path> seen;
  for (const std::string& folder : folders) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) fail(folder, "is no folder; give the folder of a run (--out of finetune)");
    std::vector<fs::path> found;
    if (!has(folder, "run.jsonl")) found = runs_within(folder);
    if (found.empty() && looks_like_run(folder)) found = {folder};
    if (found.empty()) {
      fail(folder,
           "is no run and holds none: no run.jsonl, recipe.toml or all_results.json in it, in its folders, or "
           "in those of its runs/");
    }
    for (const fs::path& run : found) {
      if (seen.insert(fs::canonical(run)).second) runs.push_back(run);
    }
  }
  return runs;
}

RunRecord read_run(const fs::path& folder) {
  RunRecord run;
  run.folder = folder;
  run.name = fs::weakly_canonical(folder).filename().string();
  const auto part = [&](const char* file, void (*read)(RunRecord&)) {
    try {
      read(run);
    } catch (const Error& error) {
      run.problems.push_back(fmt::format("{} is damaged: {}", file, error.what()));
    } catch (const fs::filesystem_error& error) {
      run.problems.push_back(fmt::format("{} cannot be read: {}", file, error.code().message()));
    }
  };
  part("recipe.toml", read_recipe);
  part("run.jsonl", [](RunRecord& it) { read_run_log(it.folder / "run.jsonl", it); });
  part("all_results.json", read_results);
  part("bench.json", read_bench);
  compare_scores(run);
  return run;
}

std::vector<RunRecord> read_runs(std::span<const fs::path> folders) {
  std::vector<RunRecord> runs;
  std::map<std::string, int> names;
  for (const fs::path& folder : folders) {
    runs.push_back(read_run(folder));
    ++names[runs.back().name];
  }
  for (RunRecord& run : runs) {
    if (names[run.name] > 1) run.name = run.folder.lexically_normal().string();
  }
  return runs;
}

}  // namespace nxm
