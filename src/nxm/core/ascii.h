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

}  // namespace nxm
