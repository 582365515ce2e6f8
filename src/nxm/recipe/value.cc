// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/value.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"

namespace nxm {
namespace {

// Dotted keys nest one table a dot, and toml++ frees nested tables by recursion: this many fit any stack.
constexpr ptrdiff_t kMaxDots = 4096;
// Longest piece of a wrong value that a message repeats.
constexpr size_t kShownBytes = 60;

template <typename T>
constexpr bool kIsList = std::is_same_v<T, std::vector<std::string>> || std::is_same_v<T, std::vector<double>> ||
                         std::is_same_v<T, std::vector<int64_t>>;

template <typename Member>
struct MemberType;
template <typename Owner, typename T>
struct MemberType<T Owner::*> {
  using type = T;
};

std::string shown(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    const bool cut = text->get().size() > kShownBytes;
    return quoted_toml(text->get().substr(0, kShownBytes)) + (cut ? "…" : "");
  }
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  if (node.is_table()) return "a table";
  if (node.is_array()) return node.as_array()->empty() ? "an empty list" : "a list";
  return "a date or time";
}

template <typename T, typename Owner>
std::string expected_of(const Key<Owner>& key) {
  if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_arithmetic_v<T>) {
    const std::string_view kind = std::is_integral_v<T> ? "a whole number" : "a number";
    if (key.above_min) return fmt::format("{} above {:.16g}, at most {:.16g}", kind, key.min, key.max);
    return fmt::format("{} from {:.16g} to {:.16g}", kind, key.min, key.max);
  } else {
    if (key.choices != nullptr) return fmt::format("one of {}", quoted_list(key.choices()));
    if (!key.expected.empty()) return std::string(key.expected);
    return key.or_number ? "text or a whole number" : "text";
  }
}

// Reads a single value; false if it is not what the key takes.
template <typename Owner>
bool read_one(const toml::node& node, const Key<Owner>&, bool& into) {
  const auto* value = node.as_boolean();
  if (value != nullptr) into = value->get();
  return value != nullptr;
}

template <typename T, typename Owner>
requires std::is_arithmetic_v<T>
bool read_one(const toml::node& node, const Key<Owner>& key, T& into) {
  const auto in_range = [&](double value) {
    return std::isfinite(value) && (key.above_min ? value > key.min : value >= key.min) && value <= key.max;
  };
  if (const auto* value = node.as_integer()) {
    if (!in_range(static_cast<double>(value->get()))) return false;
    into = static_cast<T>(value->get());
    return true;
  }
  const auto* value = node.as_floating_point();
  if (std::is_integral_v<T> || value == nullptr || !in_range(value->get())) return false;
  into = static_cast<T>(value->get());
  return true;
}

template <typename Owner>
bool read_one(const toml::node& node, const Key<Owner>& key, std::string& into) {
  if (const auto* number = node.as_integer(); number != nullptr && key.or_number && number->get() >= 0) {
    into = std::to_string(number->get());
  } else if (const auto* value = node.as_string(); value != nullptr && value->get().find('\0') == std::string::npos) {
    into = value->get();
  } else {
    return false;
  }
  if (key.choices != nullptr) return std::ranges::count(key.choices(), std::string_view(into)) > 0;
  return key.valid != nullptr ? key.valid(into) : !into.empty();
}

template <typename Owner>
bool read_one(const toml::node& node, const Key<Owner>& key, Pattern& into) {
  const auto* value = node.as_string();
  if (value == nullptr) return false;
  try {
    into = Pattern::parse(value->get());
  } catch (const UsageError& error) {
    fail_usage(place(node.source()), "'{}': {}", key.name, error.what());
  }
  return true;
}

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(const std::string& value) { return quoted_toml(value); }
std::string text_of(const Pattern& value) { return quoted_toml(value.str()); }
template <typename T>
requires std::is_arithmetic_v<T> std::string text_of(T value) { return fmt::format("{}", value); }
template <typename T>
std::string text_of(const std::vector<T>& list) {
  std::string text;
  for (const T& value : list) text += (text.empty() ? "" : ", ") + text_of(value);
  return "[" + text + "]";
}

}  // namespace

toml::table parse_toml(std::string_view text, std::string_view source) {
  if (const ptrdiff_t dots = std::count(text.begin(), text.end(), '.'); dots > kMaxDots) {
    fail_usage(source, "{} dots in one recipe: expected at most {}", dots, kMaxDots);
  }
  try {
    return toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    const std::string_view what = error.description();
    // What the parser says of the line's end inside a string.
    const bool unclosed = what.find("string") != what.npos && what.find("control characters") != what.npos;
    fail_usage(place(error.source()), "column {}: {}", error.source().begin.column,
               unclosed ? "a string is not closed on this line, or holds a control character" : what);
  }
}

std::string place(const toml::source_region& region) {
  const std::string source = region.path ? *region.path : std::string();
  return source.starts_with(kSetSource) ? source : fmt::format("{}:{}", source, region.begin.line);
}

std::string quoted_toml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<int>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

template <typename Owner>
std::string expectation(const Key<Owner>& key) {
  return std::visit(
      [&]<typename Member>(Member) {
        using T = typename MemberType<Member>::type;
        if constexpr (kIsList<T>) {
          return "a list, each " + expected_of<typename T::value_type>(key);
        } else {
          return expected_of<T>(key);
        }
      },
      key.field);
}

template <typename Owner>
void read_value(const toml::node& node, std::string_view section, const Key<Owner>& key, Owner& owner) {
  const auto reject = [&](const toml::node& wrong) {
    std::string hint;
    if (key.choices != nullptr && wrong.is_string()) hint = did_you_mean(wrong.as_string()->get(), key.choices());
    fail_usage(place(wrong.source()), "'{}' in {}: expected {}; got {}{}", key.name, section_title(section),
               expectation(key), shown(wrong), hint);
  };
  const auto read = [&]<typename Member>(Member member) {
    auto& into = owner.*member;
    using T = std::remove_reference_t<decltype(into)>;
    if constexpr (kIsList<T>) {
      into.clear();
      const toml::array* list = node.as_array();
      if (list != nullptr && list->empty()) reject(node);
      for (size_t i = 0; i < (list == nullptr ? 1 : list->size()); ++i) {
        const toml::node& item = list == nullptr ? node : *list->get(i);
        if (!read_one(item, key, into.emplace_back())) reject(item);
      }
    } else if (!read_one(node, key, into)) {
      reject(node);
    }
  };
  std::visit(read, key.field);
}

template <typename Owner>
std::string value_text(const Key<Owner>& key, const Owner& owner) {
  return std::visit([&](auto member) { return text_of(owner.*member); }, key.field);
}

template std::string expectation(const Key<Recipe>&);
template std::string expectation(const Key<TaskSpec>&);
template std::string expectation(const Key<StageSpec>&);
template void read_value(const toml::node&, std::string_view, const Key<Recipe>&, Recipe&);
template void read_value(const toml::node&, std::string_view, const Key<TaskSpec>&, TaskSpec&);
template void read_value(const toml::node&, std::string_view, const Key<StageSpec>&, StageSpec&);
template std::string value_text(const Key<Recipe>&, const Recipe&);
template std::string value_text(const Key<TaskSpec>&, const TaskSpec&);
template std::string value_text(const Key<StageSpec>&, const StageSpec&);

}  // namespace nxm
