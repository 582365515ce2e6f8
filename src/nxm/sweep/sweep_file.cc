// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/sweep_file.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/recipe/value.h"
#include "nxm/sweep/axis_values.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKeys[] = {"recipe",  "baseline", "baseline_at", "average",
                                      "threads", "set",      "axes",        "exclude"};
constexpr int64_t kMaxThreads = 1024;  // as of a recipe

void check_keys(const toml::table& root) {
  for (const auto& [name, node] : root) {
    if (std::ranges::count(kKeys, name.str()) > 0) continue;
    fail_usage(place(name.source()), "unknown key {} in a sweep file{}; keys of the recipe go into set or [axes]",
               quoted_toml(name.str()), did_you_mean(name.str(), kKeys));
  }
}

std::string text_of(const toml::table& root, std::string_view key) {
  const toml::node* node = root.get(key);
  if (node == nullptr) return "";
  if (!node->is_string()) fail_usage(place(node->source()), "'{}': expected text", key);
  return node->as_string()->get();
}

std::vector<Axis> read_axes(const toml::table& root, const fs::path& folder, std::string_view where) {
  const toml::node* node = root.get("axes");
  if (node == nullptr) fail_usage(where, "needs [axes]: what the runs differ in, as seed = [1, 2, 3]");
  if (!node->is_table()) fail_usage(place(node->source()), "'axes' is a section: write [axes] and the axes below");
  std::vector<Axis> axes;
  for (const FlatKey& key : flat_keys(*node->as_table())) axes.push_back(read_axis(key, folder));
  if (axes.empty()) fail_usage(place(node->source()), "[axes] is empty; give at least one, as seed = [1, 2, 3]");
  return axes;
}

// Labels by axis, which all exist.
std::vector<Exclusion::Part> read_parts(const toml::table& table, const std::vector<Axis>& axes) {
  std::vector<Exclusion::Part> parts;
  for (const FlatKey& key : flat_keys(table)) {
    const std::string where = place(key.node->source());
    Exclusion::Part part{find_axis(axes, key.name, where), read_labels(*key.node)};
    const std::vector<AxisValue>& values = axes[part.axis].values;
    std::vector<std::string_view> known;
    known.reserve(values.size());
    for (const AxisValue& value : values) known.push_back(value.label);
    for (const std::string& label : part.labels) {
      if (std::ranges::count(known, label) > 0) continue;
      fail_usage(where, "axis '{}' has no value '{}'{}; it has {}", key.name, label, did_you_mean(label, known),
                 quoted_list(known));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

Exclusion read_exclusion(const toml::node& node, const std::vector<Axis>& axes) {
  if (!node.is_table()) fail_usage(place(node.source()), "'exclude' is a list of sections: write [[exclude]]");
  Exclusion exclusion{read_parts(*node.as_table(), axes)};
  if (exclusion.parts.empty()) fail_usage(place(node.source()), "[[exclude]] names no axis, so it would exclude all");
  return exclusion;
}

std::vector<Exclusion::Part> read_baseline_at(const toml::node& node, const SweepFile& sweep) {
  const std::string where = place(node.source());
  if (!node.is_table()) fail_usage(where, "'baseline_at' is a section: write [baseline_at] and axis = value below");
  if (sweep.baseline.empty())
    fail_usage(where, "[baseline_at] says where the baseline is; name it: baseline = \"asp\"");
  std::vector<Exclusion::Part> parts = read_parts(*node.as_table(), sweep.axes);
  for (const Exclusion::Part& part : parts) {
    const std::string& axis = sweep.axes[part.axis].name;
    if (axis == "seed") fail_usage(where, "[baseline_at]: runs are compared seed by seed; leave 'seed' out");
    if (part.labels.size() != 1) fail_usage(where, "[baseline_at]: '{}' needs one value", axis);
  }
  return parts;
}

std::string default_average(const std::vector<Axis>& axes) {
  for (const char* name : {"task", "task.name"}) {
    if (std::ranges::count(axes, name, &Axis::name) > 0) return name;
  }
  return "";
}

}  // namespace

std::string baseline_name(const SweepFile& sweep) {
  std::string name = sweep.baseline;
  for (const Exclusion::Part& part : sweep.baseline_at) {
    name += fmt::format("{} {}={}", &part == sweep.baseline_at.data() ? " at" : ",", sweep.axes[part.axis].name,
                        part.labels[0]);
  }
  return name;
}

size_t find_axis(const std::vector<Axis>& axes, std::string_view name, std::string_view where) {
  const auto found = std::ranges::find(axes, name, &Axis::name);
  if (found != axes.end()) return static_cast<size_t>(found - axes.begin());
  std::vector<std::string_view> names;
  names.reserve(axes.size());
  for (const Axis& axis : axes) names.push_back(axis.name);
  fail_usage(where, "no axis '{}'{}; there are {}", name, did_you_mean(name, names), quoted_list(names));
}

SweepFile SweepFile::parse(std::string_view toml, const fs::path& file) {
  const std::string where = file.string();
  const toml::table root = parse_toml(toml, where);
  check_keys(root);
  const fs::path folder = fs::absolute(file).parent_path();
  SweepFile sweep;
  sweep.file = file;
  const std::string recipe = text_of(root, "recipe");
  if (recipe.empty()) fail_usage(where, "needs 'recipe': the recipe to vary");
  sweep.recipe = (folder / recipe).lexically_normal();
  sweep.baseline = text_of(root, "baseline");
  if (const toml::node* node = root.get("threads")) {
    const auto threads = node->is_integer() ? node->value<int64_t>() : std::nullopt;
    if (!threads || *threads < 1 || *threads > kMaxThreads) {
      fail_usage(place(node->source()), "'threads': expected a whole number from 1 to {}", kMaxThreads);
    }
    sweep.threads = static_cast<int>(*threads);
  }
  if (const toml::node* node = root.get("set")) sweep.set = read_set(*node, folder);
  sweep.axes = read_axes(root, folder, where);
  sweep.average = root.contains("average") ? text_of(root, "average") : default_average(sweep.axes);
  if (!sweep.average.empty()) find_axis(sweep.axes, sweep.average, where + ": average");
  if (sweep.average == "seed") fail_usage(where, "average = 'seed': every row is an average over seeds already");
  if (const toml::node* node = root.get("baseline_at")) sweep.baseline_at = read_baseline_at(*node, sweep);
  if (const toml::node* node = root.get("exclude")) {
    if (!node->is_array()) fail_usage(place(node->source()), "'exclude' is a list of sections: write [[exclude]]");
    for (const toml::node& item : *node->as_array()) sweep.excluded.push_back(read_exclusion(item, sweep.axes));
  }
  return sweep;
}

}  // namespace nxm
