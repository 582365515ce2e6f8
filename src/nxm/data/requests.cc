// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/requests.h"

#include <cerrno>
#include <system_error>

#include "nxm/core/error.h"
#include "nxm/data/records.h"
#include "nxm/io/json_fields.h"

namespace nxm {
namespace {

bool blank_line(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

}  // namespace

Requests::Requests(std::FILE* input, std::string where, bool pair)
    : input_(input), where_(std::move(where)), pair_(pair) {}

std::string Requests::place() const { return fmt::format("{}:{}", where_, number_); }

bool Requests::read_line() {
  line_.clear();
  ++number_;
  int c = 0;
  while ((c = getc_unlocked(input_)) != EOF && c != '\n') {
    if (line_.size() == kMaxRecord) fail(place(), "a line of over {} bytes; expected one text a line", kMaxRecord);
    line_.push_back(static_cast<char>(c));
  }
  if (std::ferror(input_) != 0) fail(place(), "cannot read: {}", std::generic_category().message(errno));
  if (c == EOF && line_.empty()) return false;
  if (line_.ends_with('\r')) line_.pop_back();
  if (number_ == 1 && line_.starts_with(kByteOrderMark)) line_.erase(0, kByteOrderMark.size());
  return true;
}

std::optional<Example> Requests::next() {
  while (read_line()) {
    if (!json_) json_ = line_.starts_with('{');
    if (!*json_) return parse_line();
    if (!blank_line(line_)) return parse_json_line();
  }
  return std::nullopt;
}

Example Requests::parse_line() const {
  const size_t tab = line_.find('\t');
  if (tab == std::string::npos) {
    if (pair_) fail(place(), "expected two texts with a tab between them, found no tab");
    return {.a = line_};
  }
  if (line_.find('\t', tab + 1) != std::string::npos) {
    fail(place(), "expected a text, or two with a tab between them; found a second tab");
  }
  return {.a = line_.substr(0, tab), .b = line_.substr(tab + 1)};
}

Example Requests::parse_json_line() const {
  const Json value = parse_json(line_, place());
  const JsonFields fields(value, place());
  Example example{.a = fields.string("text")};
  if (pair_ || fields.has("text_pair")) example.b = fields.string("text_pair");
  return example;
}

}  // namespace nxm
