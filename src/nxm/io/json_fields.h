// SPDX-License-Identifier: Apache-2.0
#pragma once
// Strict JSON: no duplicate keys, bounded depth, valid UTF-8, numbers that are what they claim; errors carry the path
// inside the document ("config.json: $.hidden_size: …").

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace nxm {

using Json = nlohmann::json;
/// Keeps the order of keys, for output that people read.
using OrderedJson = nlohmann::ordered_json;

/// Deepest nesting accepted in any document.
inline constexpr size_t kMaxJsonDepth = 64;
/// Parses `text`; throws Error(where) for syntax, a byte order mark, invalid UTF-8 and anything after the value (with
/// the byte offset), duplicate keys (named), deeper nesting, and what would take more memory than json_limits.h allows.
Json parse_json(std::string_view text, std::string_view where);

/// A value as error messages show it, on one short line of ASCII: 768.5, "relu", an array.
std::string shown(const Json& value);
/// A name from outside likewise: 'encoder.0.w'.
std::string shown_name(std::string_view name);

/// Typed access to one JSON object. A getter without a fallback throws if the key is missing; all throw if the value is
/// of another type or out of range. null counts as missing.
class JsonFields {
 public:
  /// Throws unless `value` is an object. `where` is the file, `path` the object's place in it ("$").
  JsonFields(const Json& value, std::string where, std::string path = "$");

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] int64_t integer(std::string_view key, int64_t min, int64_t max) const;
  [[nodiscard]] int64_t integer(std::string_view key, int64_t min, int64_t max, int64_t fallback) const;
  [[nodiscard]] double number(std::string_view key, double min, double max) const;
  [[nodiscard]] double number(std::string_view key, double min, double max, double fallback) const;
  [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
  [[nodiscard]] std::string string(std::string_view key) const;
  [[nodiscard]] std::string string(std::string_view key, std::string_view fallback) const;
  [[nodiscard]] const Json& array(std::string_view key) const;
  [[nodiscard]] JsonFields object(std::string_view key) const;
  [[nodiscard]] const Json& raw() const { return *value_; }
  [[nodiscard]] const std::string& where() const { return where_; }

  /// Throws Error(where, "$.key: message").
  [[noreturn]] void reject(std::string_view key, std::string_view message) const;

 private:
  [[nodiscard]] const Json* find(std::string_view key) const;  ///< nullptr: missing or null
  [[nodiscard]] const Json& get(std::string_view key, std::string_view expected) const;

  const Json* value_;
  std::string where_;
  std::string path_;
};

}  // namespace nxm
