// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text from files made harmless within a page.

#include <string>
#include <string_view>

namespace nxm {

/// `text` for HTML and SVG, as content or within quotes: & < > " ' escaped, control characters to spaces, bytes that
/// are not UTF-8 and characters that change the direction of writing to U+FFFD.
std::string escaped(std::string_view text);

}  // namespace nxm
