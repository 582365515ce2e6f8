// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/hub_names.h"

#include <algorithm>
#include <cstddef>

namespace nxm {
namespace {

constexpr size_t kLongestName = 255;  // of a path's part, in every file system of interest

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_plain(char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; }

bool is_hex(std::string_view text, size_t length) {
  return text.size() == length &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// Calls `good` on each part between slashes.
template <typename Predicate>
bool every_part(std::string_view text, Predicate good) {
  while (true) {
    const size_t slash = text.find('/');
    const std::string_view part = text.substr(0, slash);
    if (part.empty() || part.size() > kLongestName || part == "." || part == ".." || !good(part)) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

}  // namespace

bool is_repo_name(std::string_view text) {
  constexpr size_t kLongestPart = 96;
  if (std::ranges::count(text, '/') > 1 || text.ends_with(".git")) return false;
  return text.find("--") == std::string_view::npos && text.find("..") == std::string_view::npos &&
         every_part(text, [](std::string_view part) {
           const bool word_ends = (is_alphanumeric(part.front()) || part.front() == '_') &&
                                  (is_alphanumeric(part.back()) || part.back() == '_');
           return part.size() <= kLongestPart && word_ends && std::ranges::all_of(part, is_plain);
         });
}

bool is_revision(std::string_view text) {
  constexpr std::string_view kForbidden = "\\~^:?*[\"'`$<>|&;(){}#%";
  if (text.find("..") != std::string_view::npos) return false;
  return every_part(text, [&](std::string_view part) {
    return part.front() != '.' && part.front() != '-' && !part.ends_with(".lock") &&
           std::ranges::all_of(
               part, [&](char c) { return c > ' ' && c < 0x7F && kForbidden.find(c) == std::string_view::npos; });
  });
}

bool is_commit(std::string_view text) { return is_hex(text, 40); }

bool is_sha256(std::string_view text) { return is_hex(text, 64); }

bool is_etag(std::string_view text) {
  constexpr size_t kLongestTag = 128;  // leaves room for the suffix of a partial file
  return !text.empty() && text.size() <= kLongestTag && text.front() != '.' && std::ranges::all_of(text, is_plain);
}

bool is_file_name(std::string_view text) {
  return every_part(text,
                    [](std::string_view part) { return part.front() != '.' && std::ranges::all_of(part, is_plain); });
}

}  // namespace nxm
