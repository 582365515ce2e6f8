// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/records.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/text/unicode.h"

namespace nxm {
namespace {

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Throws Error(place) unless `text` is valid UTF-8.
void check_utf8(std::string_view text, std::string_view place) {
  const size_t at = find_invalid_utf8(text);
  if (at == std::string_view::npos) return;
  fail(place, "expected UTF-8, found byte 0x{:02x} at byte {}; convert the file to UTF-8",
       static_cast<unsigned char>(text[at]), at + 1);
}

/// `line` at each tab into `fields`, whose memory is reused. Quotes are plain characters.
void split_tabs(std::string_view line, std::vector<std::string>& fields) {
  const auto tabs = static_cast<size_t>(std::count(line.begin(), line.end(), '\t'));
  fields.resize(tabs + 1);
  for (std::string& field : fields) {
    const size_t end = std::min(line.find('\t'), line.size());
    field.assign(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
}

}  // namespace

Records::Records(std::string_view content, FileFormat format, std::string_view where)
    : rest_(content), format_(format), where_(where) {
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
}

std::string Records::place() const { return fmt::format("{}:{}", where_, line_); }

bool Records::next() {
  if (rest_.empty()) return false;
  line_ = next_line_;
  switch (format_) {
    case FileFormat::kTsv:
      split_tabs(next_line(), fields_);
      break;
    case FileFormat::kJsonl:
      fields_.assign(1, std::string(next_line()));
      break;
    case FileFormat::kCsv:
      next_csv();
      break;
  }
  return true;
}

std::string_view Records::next_line() {
  const size_t end = std::min(rest_.find('\n'), rest_.size());
  if (end > kMaxRecord) {
    fail(place(), "a line of {} bytes, expected at most {}; is this a text file with one example a line?", end,
         kMaxRecord);
  }
  const std::string_view line = without_return(rest_.substr(0, end));
  check_utf8(line, place());
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  ++next_line_;
  return line;
}

void Records::next_csv() {
  const std::string_view text = rest_.substr(0, kMaxRecord);
  size_t at = 0;
  fields_.clear();
  for (bool more = true; more;) {
    std::string field;
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        const size_t quote = text.find('"', at);
        if (quote == std::string_view::npos) {
          fail(place(), "column {}: a quote is opened but not closed within {} bytes", fields_.size() + 1, text.size());
        }
        field += text.substr(at, quote - at);
        at = quote + 1;
        if (at >= text.size() || text[at] != '"') break;  // a doubled quote stands for one
        field += '"';
      }
      if (text.substr(at).starts_with("\r\n")) ++at;
      if (at < text.size() && text[at] != ',' && text[at] != '\n') {
        fail(place(),
             "column {}: expected a comma or the end of the line behind the closing quote; a quote inside a quoted "
             "column is written twice",
             fields_.size() + 1);
      }
    } else {
      const size_t end = std::min(text.find_first_of(",\n", at), text.size());
      const bool last = end == text.size() || text[end] == '\n';
      field = last ? without_return(text.substr(at, end - at)) : text.substr(at, end - at);
      at = end;
    }
    fields_.push_back(std::move(field));
    more = at < text.size() && text[at] == ',';
    ++at;  // the comma or the line's end
  }
  at = std::min(at, text.size());
  if (at == text.size() && text.size() < rest_.size() && text.back() != '\n') {
    fail(place(), "a record of over {} bytes; is this a CSV file?", kMaxRecord);
  }
  check_utf8(text.substr(0, at), place());
  next_line_ += std::max<int64_t>(1, std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  rest_.remove_prefix(at);
}

}  // namespace nxm
