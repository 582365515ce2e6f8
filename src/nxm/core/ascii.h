// SPDX-License-Identifier: Apache-2.0
#pragma once
// Letters of ASCII, without a locale. Not Unicode (text/).

#include <algorithm>
#include <string>
#include <string_view>

namespace nxm {

inline std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return lower;
}

/// Without the spaces and tabs at its ends.
inline std::string_view ascii_trim(std::string_view text) {
  const size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(first, text.find_last_not_of(" \t") + 1 - first);
}

}  // namespace nxm
