// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/json_fields.h"

#include <fmt/format.h>

#include <limits>
#include <utility>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/io/json_limits.h"

namespace nxm {
namespace {

// Builds the document from the parser's events, so that duplicates, depth and memory are seen when they come.
class Builder final : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(std::string_view where) : where_(where), budget_(where) {}

  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override {
    budget_.spend(memory_of(value) + sizeof(std::string));
    return add(std::move(value));
  }
  bool binary(Json::binary_t&) override { return false; }  // not in text
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    if (open_.back()->contains(name))
      fail(where_, "the key {} stands twice in one object. Keep one of them", shown_name(name));
    budget_.spend(kMemberCost + memory_of(name));
    member_ = &(*open_.back())[std::move(name)];
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    fail_json(where_, position, error.what());
  }

 private:
  // What libstdc++ and malloc take for a value in an array that doubles, for a map's node, for a container.
  static constexpr size_t kValueCost = 32, kMemberCost = 96, kContainerCost = 64;

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    if (open_.back()->is_object()) return &(*member_ = std::move(value));
    budget_.spend(kValueCost);
    return &open_.back()->emplace_back(std::move(value));
  }

  bool open(Json container) {
    if (open_.size() == kMaxJsonDepth)
      fail(where_, "nested deeper than {} levels. This is not the file that was meant", kMaxJsonDepth);
    budget_.spend(kContainerCost);
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view where_;
  JsonBudget budget_;
  Json root_;
  std::vector<Json*> open_;  // a container does not move while it is open: only its own parent's end is appended to
  Json* member_ = nullptr;
};

constexpr uint64_t kMaxInt64 = std::numeric_limits<int64_t>::max();

}  // namespace

Json parse_json(std::string_view text, std::string_view where) {
  if (text.starts_with("\xEF\xBB\xBF"))
    fail(where, "expected JSON, found a byte order mark at byte 0. Save the file without it");
  check_tokens(text, where);
  Builder builder(where);
  Json::sax_parse(text, &builder);
  return builder.take();
}

std::string shown(const Json& value) {
  constexpr size_t kShown = 60;  // enough to recognise it
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  const auto dump = [](const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); };
  const auto* text = value.get_ptr<const std::string*>();
  return text && text->size() > kShown ? dump(text->substr(0, kShown) + "...") : dump(value);
}

std::string shown_name(std::string_view name) {
  const std::string json = shown(name);
  return fmt::format("'{}'", std::string_view(json).substr(1, json.size() - 2));
}

JsonFields::JsonFields(const Json& value, std::string where, std::string path)
    : value_(&value), where_(std::move(where)), path_(std::move(path)) {
  if (!value.is_object()) fail(where_, "{}: expected an object, got {}. Correct the file", path_, shown(value));
}

bool JsonFields::has(std::string_view key) const { return find(key) != nullptr; }

int64_t JsonFields::integer(std::string_view key, int64_t min, int64_t max) const {
  const Json& value = get(key, "an integer");
  // nlohmann keeps what does not fit int64 as unsigned, and would turn 768.5 into 768 without a word.
  const bool fits = value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > kMaxInt64);
  if (!fits || value.get<int64_t>() < min || value.get<int64_t>() > max) {
    reject(key, fmt::format("expected an integer from {} to {}, got {}. Correct the file", min, max, shown(value)));
  }
  return value.get<int64_t>();
}

int64_t JsonFields::integer(std::string_view key, int64_t min, int64_t max, int64_t fallback) const {
  return has(key) ? integer(key, min, max) : fallback;
}

double JsonFields::number(std::string_view key, double min, double max) const {
  const Json& value = get(key, "a number");
  if (!value.is_number() || value.get<double>() < min || value.get<double>() > max) {
    reject(key, fmt::format("expected a number from {} to {}, got {}. Correct the file", min, max, shown(value)));
  }
  return value.get<double>();
}

double JsonFields::number(std::string_view key, double min, double max, double fallback) const {
  return has(key) ? number(key, min, max) : fallback;
}

bool JsonFields::boolean(std::string_view key, bool fallback) const {
  const Json* value = find(key);
  if (value && !value->is_boolean()) {
    reject(key, fmt::format("expected true or false, got {}. Correct the file", shown(*value)));
  }
  return value ? value->get<bool>() : fallback;
}

std::string JsonFields::string(std::string_view key) const {
  const Json& value = get(key, "a string");
  if (!value.is_string()) reject(key, fmt::format("expected a string, got {}. Correct the file", shown(value)));
  return value.get<std::string>();
}

std::string JsonFields::string(std::string_view key, std::string_view fallback) const {
  return has(key) ? string(key) : std::string(fallback);
}

const Json& JsonFields::array(std::string_view key) const {
  const Json& value = get(key, "an array");
  if (!value.is_array()) reject(key, fmt::format("expected an array, got {}. Correct the file", shown(value)));
  return value;
}

JsonFields JsonFields::object(std::string_view key) const {
  return {get(key, "an object"), where_, fmt::format("{}.{}", path_, key)};
}

void JsonFields::reject(std::string_view key, std::string_view message) const {
  fail(where_, "{}.{}: {}", path_, key, message);
}

const Json* JsonFields::find(std::string_view key) const {
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

const Json& JsonFields::get(std::string_view key, std::string_view expected) const {
  const Json* value = find(key);
  if (!value) {
    reject(key,
           fmt::format("expected {}, got {}. Correct the file", expected, value_->contains(key) ? "null" : "nothing"));
  }
  return *value;
}

}  // namespace nxm
