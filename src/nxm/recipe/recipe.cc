// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/recipe.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>

#include "nxm/core/env.h"
#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/io/atomic_file.h"
#include "nxm/recipe/defaults.h"
#include "nxm/recipe/keys.h"
#include "nxm/recipe/lines.h"
#include "nxm/recipe/overrides.h"
#include "nxm/recipe/stages.h"
#include "nxm/recipe/task_spec.h"
#include "nxm/recipe/value.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxBytes = size_t{1} << 20;  // of a recipe; the longest sensible one has some kilobytes
constexpr size_t kMaxStages = 100;

template <typename Owner>
const Key<Owner>& key_of(const toml::key& name, std::string_view section, std::span<const Key<Owner>> keys) {
  const auto key = std::ranges::find(keys, name.str(), &Key<Owner>::name);
  if (key == keys.end()) {
    fail_usage(place(name.source()), "unknown key {} in {}{}", quoted_toml(name.str()), section_title(section),
               suggest_key(section, name.str()));
  }
  return *key;
}

// Every key of `table` into `owner`; those that `concerns` says no to are only checked.
template <typename Owner, typename Concerns>
void read_section(const toml::table& table, std::string_view section, std::span<const Key<Owner>> keys, Owner& owner,
                  Concerns concerns) {
  Owner unused = owner;
  for (const auto& [name, node] : table) {
    if (section.empty() && std::ranges::count(kSections, name.str()) > 0) continue;
    const Key<Owner>& key = key_of(name, section, keys);
    read_value(node, section, key, concerns(key.use) ? owner : unused);
  }
}

constexpr auto kEveryKey = [](Use) { return true; };

// [model] or [task]; an empty table if it is missing.
const toml::table& section_of(const toml::table& root, std::string_view section) {
  static const toml::table empty;
  const toml::node* node = root.get(section);
  if (node == nullptr) return empty;
  if (!node->is_table())
    fail_usage(place(node->source()), "'{0}' is a section: write [{0}] and its keys below", section);
  return *node->as_table();
}

// Relative paths of the file are meant from its folder, those of --set from where the user is.
std::string resolve_path(const std::string& text, const toml::node* node, const fs::path& file) {
  const bool set = node != nullptr && place(node->source()).starts_with(kSetSource);
  const bool home = text == "~" || text.starts_with("~/");
  const fs::path from = home ? env::home() : set ? fs::path() : file.parent_path();
  const fs::path path =
      fs::absolute(from / (home ? text.substr(std::min<size_t>(2, text.size())) : text)).lexically_normal();
  return path.has_filename() || path == path.root_path() ? path.string() : path.parent_path().string();
}

// "org/name" and no such folder.
bool is_hub_name(const std::string& text, const fs::path& path) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  const size_t slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size() || text.front() == '.') return false;
  const bool plain =
      text.find_first_not_of(kPlain) == slash && text.find_first_not_of(kPlain, slash + 1) == std::string::npos;
  std::error_code ignored;
  return plain && !fs::is_directory(path, ignored);
}

void read_model(const toml::table& table, const fs::path& file, std::string_view where, Recipe& recipe) {
  read_section(table, "model", model_keys(), recipe, kEveryKey);
  if (recipe.model.empty()) fail_usage(where, "[model] needs 'path': a model directory, or org/name on the hub");
  const std::string path = resolve_path(recipe.model, table.get("path"), file);
  if (!is_hub_name(recipe.model, path)) recipe.model = path;
}

void read_task(const toml::table& table, const fs::path& file, std::string_view where, Recipe& recipe) {
  TaskSpec spec;
  read_section(table, "task", task_keys(), spec, kEveryKey);
  recipe.custom_task = std::ranges::any_of(
      task_keys(), [&](const Key<TaskSpec>& key) { return key.use == Use::kDescribed && table.contains(key.name); });
  recipe.task = make_task(spec, recipe.custom_task, table.contains("header"), where);
  recipe.data = resolve_path(spec.data, table.get("data"), file);
  recipe.limit = spec.limit;
}

// The row of a table of defaults that the stage's `key` names; nullptr if it does not.
template <typename Row>
const Row* named_row(const toml::table& table, std::string_view key, std::span<const Row> rows, StageSpec& scratch) {
  const toml::node* node = table.get(key);
  if (node == nullptr) return nullptr;
  const auto keys = stage_keys();
  read_value(*node, "stage", *std::ranges::find(keys, key, &Key<StageSpec>::name), scratch);  // rejects other names
  return &*std::ranges::find(rows, *node->value<std::string_view>(), &Row::name);
}

StageDraft read_stage(const toml::node& node) {
  const std::string where = place(node.source());
  const toml::table* table = node.as_table();
  if (table == nullptr) fail_usage(where, "'stage' is a list of sections: write [[stage]] and the stage's keys below");
  StageSpec scratch;
  const MethodDefaults* method = named_row(*table, "method", method_defaults(), scratch);
  if (method == nullptr) {
    for (const auto& entry : *table) key_of(entry.first, "stage", stage_keys());  // misspelt, more likely than absent
    std::vector<std::string_view> names;
    for (const MethodDefaults& row : method_defaults()) names.push_back(row.name);
    fail_usage(where, "[[stage]] needs 'method': one of {}", quoted_list(names));
  }
  const PresetDefaults* preset = named_row(*table, "preset", preset_defaults(), scratch);
  StageDraft draft{
      default_stage(*method, preset == nullptr || !is_admm(method->name) ? preset_defaults().front() : *preset),
      table->contains("from"), table->contains("pattern"), where};
  read_section(*table, "stage", stage_keys(), draft.spec, [&](Use use) {
    return use == Use::kTaught || concerns(use, draft.spec);  // 'teacher' may come after the keys that need it
  });
  return draft;
}

}  // namespace

Recipe Recipe::parse(std::string_view toml, const fs::path& file, std::span<const std::string> overrides) {
  const std::string name = file.string();
  if (toml.size() > kMaxBytes) fail_usage(name, "{} bytes: expected a recipe of at most {}", toml.size(), kMaxBytes);
  toml::table root = parse_toml(toml, name);
  for (const std::string& text : overrides) apply_override(root, text);

  Recipe recipe;
  const auto where = [&](const toml::table& section) {
    return &section == &root || !section.source().begin ? name : place(section.source());
  };
  read_section(root, "", top_keys(), recipe, kEveryKey);
  const toml::table& model = section_of(root, "model");
  read_model(model, file, where(model), recipe);
  const toml::table& task = section_of(root, "task");
  read_task(task, file, where(task), recipe);

  const toml::node* stages = root.get("stage");
  if (stages == nullptr) fail_usage(name, "needs at least one [[stage]] with a 'method'");
  if (!stages->is_array())
    fail_usage(place(stages->source()), "'stage' is a list of sections: write [[stage]], not [stage]");
  const toml::array& list = *stages->as_array();
  if (list.empty() || list.size() > kMaxStages) {
    fail_usage(place(list.source()), "{} stages: expected 1 to {}", list.size(), kMaxStages);
  }
  std::vector<StageDraft> drafts;
  for (const toml::node& stage : list) drafts.push_back(read_stage(stage));
  recipe.stages = link_stages(std::move(drafts));
  for (size_t i = 0; i < recipe.stages.size(); ++i) {
    std::string& teacher = recipe.stages[i].teacher;
    if (teacher.empty() || is_stage_above(recipe.stages, i, teacher)) continue;
    if (std::ranges::find(recipe.stages, teacher, &StageSpec::name) != recipe.stages.end()) {
      fail_usage(place(list.get(i)->source()), "stage '{}' learns from stage '{}', which is not above it; move it down",
                 recipe.stages[i].name, teacher);
    }
    const std::string path = resolve_path(teacher, list.get(i)->as_table()->get("teacher"), file);
    if (!is_hub_name(teacher, path)) teacher = path;
  }
  return recipe;
}

Recipe Recipe::load(const fs::path& file, std::span<const std::string> overrides) {
  return parse(read_file(file, kMaxBytes), file, overrides);
}

std::string Recipe::to_toml() const { return lines_text(recipe_lines(*this), false); }

std::vector<std::string> recipe_differences(const Recipe& before, const Recipe& now) {
  const auto values = [](const Recipe& recipe) {
    std::map<std::string, std::string> map;
    for (RecipeLine& line : recipe_lines(recipe)) map[line.path + std::string(line.key)] = std::move(line.value);
    // What a run leaves on its way, not what it computes.
    map.erase("checkpoint_every");
    map.erase("keep_stages");
    return map;
  };
  const auto a = values(before), b = values(now);
  std::map<std::string, std::string> keys = a;
  keys.insert(b.begin(), b.end());
  std::vector<std::string> differences;
  const auto text = [](const auto& map, const std::string& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::string("(none)") : found->second;
  };
  for (const auto& [key, value] : keys) {
    const std::string before_value = text(a, key), now_value = text(b, key);
    if (before_value == now_value) continue;
    // Of a stage with another method, or that is no more, this one line says enough.
    const std::string method = key.substr(0, key.rfind('.') + 1) + "method";
    if (key != method && text(a, method) != text(b, method)) continue;
    differences.push_back(fmt::format("{}: {} -> {}", key, before_value, now_value));
  }
  return differences;
}

std::optional<int64_t> parse_interval(std::string_view every, int64_t steps_per_epoch) {
  if (every == "epoch") return steps_per_epoch;
  double number = 0;
  const char* const last = every.data() + every.size();
  const auto [end, error] = std::from_chars(every.data(), last, number);
  const std::string_view unit(end, last);
  if (error != std::errc() || !(number > 0) || number > 1e9) return std::nullopt;
  if (unit == " epoch") return std::max<int64_t>(1, std::llround(number * static_cast<double>(steps_per_epoch)));
  if (!unit.empty() || number != std::floor(number)) return std::nullopt;
  return std::llround(number);
}

}  // namespace nxm
