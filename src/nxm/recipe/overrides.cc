// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/overrides.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/recipe/stages.h"
#include "nxm/recipe/value.h"

namespace nxm {
namespace {

std::string text_at(const toml::node& stage, std::string_view key) {
  const toml::table* table = stage.as_table();
  return table == nullptr ? "" : (*table)[key].value_or(std::string());
}

// The stage called `which`: a position or a name.
toml::node& find_stage(toml::table& recipe, std::string_view which, std::string_view where) {
  toml::array* stages = recipe["stage"].as_array();
  if (stages == nullptr || stages->empty()) fail_usage(where, "the recipe has no [[stage]]");
  size_t index = 0;
  const auto [end, error] = std::from_chars(which.data(), which.data() + which.size(), index);
  if (end == which.data() + which.size() && !which.empty()) {
    if (error == std::errc() && index < stages->size()) return *stages->get(index);
    fail_usage(where, "no stage {}: there are {}, counted from 0", which, stages->size());
  }
  std::vector<std::string> methods, given;
  for (const toml::node& stage : *stages) {
    methods.push_back(text_at(stage, "method"));
    given.push_back(text_at(stage, "name"));
  }
  const std::vector<std::string> names = stage_names(methods, given);
  const auto found = std::ranges::find(names, which);
  if (found != names.end()) return *stages->get(static_cast<size_t>(found - names.begin()));
  const std::vector<std::string_view> views(names.begin(), names.end());
  fail_usage(where, "no stage '{}'{}; there are {}", which, did_you_mean(which, views), quoted_list(views));
}

// The value as TOML, or else as text. Its place is the override.
toml::table parse_value(std::string_view value, std::string_view where) {
  try {
    return parse_toml(fmt::format("v = {}", value), where);
  } catch (const UsageError&) {
    return parse_toml(fmt::format("v = {}", quoted_toml(value)), where);
  }
}

}  // namespace

void apply_override(toml::table& recipe, std::string_view text) {
  const std::string where = fmt::format("{}{}", kSetSource, text);
  const size_t equals = text.find('=');
  std::string_view key = ascii_trim(text.substr(0, equals));
  if (equals == std::string_view::npos || key.empty()) {
    fail_usage(where, "expected key=value, as in --set stage.1.rho=4e-3");
  }
  std::string_view section;
  toml::node* owner = &recipe;
  if (const size_t dot = key.find('.'); dot != std::string_view::npos) {
    section = key.substr(0, dot);
    key.remove_prefix(dot + 1);
    if (section == "stage") {
      const size_t next = std::min(key.find('.'), key.size());
      owner = &find_stage(recipe, key.substr(0, next), where);
      key.remove_prefix(std::min(next + 1, key.size()));
    } else if (section == "model" || section == "task") {
      owner = &recipe.insert(section, toml::table()).first->second;
    } else {
      fail_usage(where, "no section '{}'; keys are as 'seed', 'model.path', 'task.limit' and 'stage.0.lr'", section);
    }
  }
  if (std::ranges::count(key_names(section), key) == 0) {
    fail_usage(where, "unknown key {} in {}{}", quoted_toml(key), section_title(section), suggest_key(section, key));
  }
  if (!owner->is_table()) fail_usage(where, "{} is not a table in the recipe", section_title(section));
  toml::table value = parse_value(ascii_trim(text.substr(equals + 1)), where);
  if (value.size() != 1) fail_usage(where, "expected one value");
  owner->as_table()->insert_or_assign(key, std::move(*value.get("v")));
}

}  // namespace nxm
