// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/axis_values.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "nxm/core/ascii.h"
#include "nxm/core/error.h"
#include "nxm/recipe/value.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

// As TOML on one line; nullopt for what no recipe key takes.
std::optional<std::string> toml_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return quoted_toml(text->get());
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  const toml::array* list = node.as_array();
  if (list == nullptr) return std::nullopt;
  std::string text;
  for (const toml::node& item : *list) {
    const auto one = toml_of(item);
    if (!one) return std::nullopt;
    text += (text.empty() ? "" : ", ") + *one;
  }
  return "[" + text + "]";
}

std::string value_of(const toml::node& node) {
  auto text = toml_of(node);
  if (!text) fail_usage(place(node.source()), "expected a number, text, true, false or a list of them");
  return *std::move(text);
}

std::string label_of(const toml::node& node) { return node.is_string() ? node.as_string()->get() : value_of(node); }

// A relative path in an override, taken from `folder`; all else as it is. "org/name" of a model that is no folder is on
// the hub, and a stage's teacher may be another stage: only "./name" and "../name" are paths for certain.
std::string rebased(const std::string& set, const fs::path& folder) {
  const size_t equals = std::min(set.find('='), set.size());
  const std::string key(ascii_trim(std::string_view(set).substr(0, equals)));
  const bool teacher = key.ends_with(".teacher");
  if ((key != "model.path" && key != "task.data" && !teacher) || equals == set.size()) return set;
  std::string text(ascii_trim(std::string_view(set).substr(equals + 1)));
  if (text.starts_with('"') || text.starts_with('\'')) {
    text = parse_toml("v = " + text, kSetSource)["v"].value_or(text);
  }
  const bool name = key != "task.data" && !text.starts_with('.') && (teacher || !fs::is_directory(folder / text));
  if (text.empty() || text.front() == '~' || fs::path(text).is_absolute() || name) return set;
  return fmt::format("{}={}", key, quoted_toml((folder / text).lexically_normal().string()));
}

AxisValue read_labelled(const toml::table& table, const fs::path& folder) {
  const std::string where = place(table.source());
  const toml::node* label = table.get("label");
  const toml::node* set = table.get("set");
  if (table.size() != 2 || label == nullptr || set == nullptr || !label->is_string()) {
    fail_usage(where, "expected {{ label = \"a name\", set = [\"key=value\", …] }}");
  }
  return {label->as_string()->get(), read_set(*set, folder)};
}

void collect(const toml::table& table, const std::string& prefix, std::vector<FlatKey>& keys) {
  for (const auto& [name, node] : table) {
    const std::string full = prefix + std::string(name.str());
    if (const toml::table* inner = node.as_table()) {
      collect(*inner, full + ".", keys);
    } else {
      keys.push_back({full, &node});
    }
  }
}

}  // namespace

std::vector<FlatKey> flat_keys(const toml::table& table) {
  std::vector<FlatKey> keys;
  collect(table, "", keys);
  const auto position = [](const FlatKey& key) {
    const toml::source_position at = key.node->source().begin;
    return std::pair(at.line, at.column);
  };
  std::ranges::stable_sort(keys, {}, position);
  for (const FlatKey& key : keys) {
    if (std::ranges::count(keys, key.name, &FlatKey::name) > 1) {
      fail_usage(place(key.node->source()), "'{}' is there twice", key.name);
    }
  }
  return keys;
}

std::vector<std::string> read_set(const toml::node& node, const fs::path& folder) {
  std::vector<std::string> set;
  const auto add = [&](const toml::node& item) {
    if (!item.is_string()) fail_usage(place(item.source()), "'set': expected text, as \"stage.admm.rho=0.01\"");
    set.push_back(rebased(item.as_string()->get(), folder));
  };
  if (!node.is_array()) {
    add(node);
  } else {
    for (const toml::node& item : *node.as_array()) add(item);
  }
  return set;
}

std::vector<std::string> read_labels(const toml::node& node) {
  if (!node.is_array()) return {label_of(node)};
  std::vector<std::string> labels;
  for (const toml::node& item : *node.as_array()) labels.push_back(label_of(item));
  return labels;
}

Axis read_axis(const FlatKey& key, const fs::path& folder) {
  const std::string where = place(key.node->source());
  const toml::array* list = key.node->as_array();
  if (list == nullptr) fail_usage(where, "axis '{}': expected a list of values", key.name);
  if (list->empty())
    fail_usage(where, "axis '{}' is empty, so there would be no runs; give it a value or remove it", key.name);
  Axis axis{key.name, {}};
  const bool labelled = list->get(0)->is_table();
  for (const toml::node& item : *list) {
    if (item.is_table() != labelled) {
      fail_usage(place(item.source()), "axis '{}': either all values have labels or none", key.name);
    }
    axis.values.push_back(labelled ? read_labelled(*item.as_table(), folder)
                                   : AxisValue{label_of(item), {rebased(key.name + "=" + value_of(item), folder)}});
    if (std::ranges::count(axis.values, axis.values.back().label, &AxisValue::label) > 1) {
      fail_usage(place(item.source()), "axis '{}' has the value '{}' twice", key.name, axis.values.back().label);
    }
  }
  return axis;
}

}  // namespace nxm
