// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "nxm/report/svg.h"

namespace nxm {
namespace {

constexpr std::string_view kSeed = "seed";
// What a run leaves on its way, not what it computes.
constexpr std::string_view kNoResult[] = {kSeed, "checkpoint_every", "keep_stages"};

bool is_result_key(const std::string& key) { return std::ranges::count(kNoResult, key) == 0; }

std::string value_of(const RunRecord& run, const std::string& key) {
  const auto found = run.keys.find(key);
  return found == run.keys.end() ? "–" : found->second;
}

}  // namespace

Spread spread_of(std::span<const double> values) {
  if (values.empty()) return {};
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {mean, values.size() > 1 ? std::sqrt(squares / (n - 1)) : 0, values.size()};
}

std::string recipe_text(const RunRecord& run, std::span<const std::string> without) {
  std::string text;
  for (const auto& [key, value] : run.keys) {
    if (is_result_key(key) && std::ranges::count(without, key) == 0) text += fmt::format("{} = {}\n", key, value);
  }
  return text;
}

std::vector<std::vector<size_t>> seed_groups(std::span<const RunRecord> runs) {
  std::vector<std::vector<size_t>> groups;
  std::map<std::string, size_t> known;
  for (size_t i = 0; i < runs.size(); ++i) {
    size_t group = groups.size();
    if (!runs[i].keys.empty()) group = known.emplace(recipe_text(runs[i]), group).first->second;
    if (group == groups.size()) groups.emplace_back();
    groups[group].push_back(i);
  }
  return groups;
}

std::vector<size_t> counted(std::span<const RunRecord> runs, std::span<const size_t> group) {
  std::vector<size_t> result;
  std::set<std::string> seeds;
  for (const size_t i : group) {
    if (runs[i].finished && seeds.insert(value_of(runs[i], std::string(kSeed))).second) result.push_back(i);
  }
  return result;
}

std::optional<double> number_of(const RunRecord& run, const std::string& key) {
  const auto found = run.keys.find(key);
  if (found == run.keys.end()) return std::nullopt;
  const std::string& text = found->second;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::vector<std::string> varied_keys(std::span<const RunRecord> runs) {
  std::map<std::string, std::set<double>> values;
  for (const RunRecord& run : runs) {
    if (!run.finished) continue;
    for (const auto& entry : run.keys) {
      if (!is_result_key(entry.first)) continue;
      if (const auto value = number_of(run, entry.first)) values[entry.first].insert(*value);
    }
  }
  std::vector<std::string> keys;
  for (const auto& [key, seen] : values) {
    if (seen.size() > 1) keys.push_back(key);
  }
  return keys;
}

std::string difference_text(std::span<const RunRecord> runs, std::span<const size_t> places, size_t place,
                            const std::string& without) {
  std::set<std::string> all;
  for (const size_t i : places) {
    for (const auto& entry : runs[i].keys) all.insert(entry.first);
  }
  std::string text;
  for (const std::string& key : all) {
    if (!is_result_key(key) || key == without) continue;
    const bool differs = std::ranges::any_of(
        places, [&](size_t i) { return value_of(runs[i], key) != value_of(runs[places.front()], key); });
    if (differs) text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", key, value_of(runs[place], key));
  }
  return text;
}

std::vector<Look> looks_of(std::span<const RunRecord> runs) {
  const auto groups = seed_groups(runs);
  std::vector<Look> looks(runs.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    const size_t others = groups[g].size() - 1;
    std::string label = runs[groups[g].front()].name;
    if (others > 0) label += fmt::format(" and {} more seed{}", others, others > 1 ? "s" : "");
    for (const size_t i : groups[g]) looks[i] = {label, static_cast<int>(g)};
  }
  if (groups.size() > kStyles) std::ranges::fill(looks, Look{fmt::format("one of {} runs", runs.size()), kPlain});
  return looks;
}

}  // namespace nxm
