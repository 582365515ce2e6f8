// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_log_reader.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"
#include "nxm/io/json_fields.h"

namespace nxm {
namespace {

constexpr double kAny = std::numeric_limits<double>::max();
constexpr size_t kLongestName = 200;  // bytes of a stage's name

// Keys that become curves; what else a line holds is passed over.
constexpr std::string_view kCurves[] = {"loss", "primal", "dual", "mask_moved", "mask_moved_from_first", "pruned"};
// What a line of kind "score" may be of.
constexpr std::string_view kJudged[] = {"dense", "pruned", "dev", "final"};

// null is a number that was not finite.
double number_or_gap(const JsonFields& line, std::string_view key) {
  return line.has(key) ? line.number(key, -kAny, kAny) : std::nan("");
}

StageRun& stage_of(const JsonFields& line, RunRecord& run) {
  const std::string name = line.string("stage");
  if (StageRun* stage = run.find(name)) return *stage;
  if (name.empty() || name.size() > kLongestName) line.reject("stage", "is no stage's name");
  if (run.stages.size() >= kMostStages) line.reject("stage", fmt::format("is one too many: {} are read", kMostStages));
  run.stages.emplace_back().name = name;
  return run.stages.back();
}

void read_score(const JsonFields& line, StageRun& stage) {
  const std::string of = line.string("of");
  if (std::ranges::count(kJudged, of) == 0) line.reject("of", "is none of dense, pruned, dev, final");
  const Point point{line.number("epoch", 0, kAny), line.number("score", -kAny, kAny)};
  if (of == "final") {
    const JsonFields metrics = line.object("metrics");
    std::map<std::string, double> values;
    for (const auto& [name, value] : metrics.raw().items()) values[name] = metrics.number(name, -kAny, kAny);
    stage.final_metrics = std::move(values);
    stage.final_score = point.y;
  }
  stage.scores[of].add(point);
}

void read_line(std::string_view text, RunRecord& run) {
  if (text.size() > kLongestLine) fail("run.jsonl", "a line of more than {} bytes", kLongestLine);
  const Json json = parse_json(text, "run.jsonl");
  const JsonFields line(json, "run.jsonl");
  const std::string kind = line.string("kind");
  const double step = line.number("step", 0, kAny);
  StageRun& stage = stage_of(line, run);
  if (kind == "score") return read_score(line, stage);
  for (const std::string_view key : kCurves) {
    if (json.contains(key)) stage.curves[std::string(key)].add({step, number_or_gap(line, key)});
  }
}

}  // namespace

bool for_each_line(const std::filesystem::path& path, const std::function<void(size_t, std::string_view)>& use) {
  const InputFile file(path);
  std::array<char, size_t{1} << 16> chunk;
  std::string line;
  size_t number = 1;
  const auto take = [&](std::string_view part) {
    line.append(part.substr(0, kLongestLine + 1 - std::min(line.size(), kLongestLine + 1)));
  };
  for (uint64_t at = 0; at < file.bytes();) {
    const size_t size = std::min<uint64_t>(chunk.size(), file.bytes() - at);
    file.read_at(at, std::as_writable_bytes(std::span(chunk).first(size)));
    at += size;
    std::string_view rest(chunk.data(), size);
    for (size_t end; (end = rest.find('\n')) != rest.npos; ++number) {
      take(rest.substr(0, end));
      if (!line.empty()) use(number, line);
      line.clear();
      rest.remove_prefix(end + 1);
    }
    take(rest);
  }
  if (line.empty()) return true;
  use(number, line);
  return false;
}

void read_run_log(const std::filesystem::path& file, RunRecord& run) {
  size_t damaged = 0, first = 0, last = 0, lines = 0;
  std::string why;
  const auto use = [&](size_t number, std::string_view text) {
    lines = number;
    try {
      read_line(text, run);
    } catch (const Error& error) {
      if (damaged++ == 0) first = number, why = error.what();
      last = number;
    }
  };
  try {
    const bool ended = for_each_line(file, use);
    if (!ended && last == lines) {
      run.problems.push_back(fmt::format("run.jsonl: line {} is cut off; it is left out", lines));
      if (--damaged == 0) return;
    }
  } catch (const Error& error) {
    run.problems.push_back(fmt::format("run.jsonl cannot be read: {}", error.what()));
    if (lines == 0) return;
  }
  if (lines == 0) run.problems.push_back("run.jsonl: no line was read");
  if (damaged > 0) {
    run.problems.push_back(
        fmt::format("run.jsonl: {} damaged lines are left out; the first is line {}: {}", damaged, first, why));
  }
}

}  // namespace nxm
