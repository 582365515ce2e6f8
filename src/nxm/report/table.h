// SPDX-License-Identifier: Apache-2.0
#pragma once
// Text tables whose columns line up, as plain text or as Markdown.

#include <string>
#include <vector>

namespace nxm {

/// First row is the header. A column is right-aligned if all its cells below the header start like a number or are "–".
/// Widths count code points (East Asian wide ones and emoji twice, combining marks not); control characters become
/// spaces.
std::string text_table(const std::vector<std::vector<std::string>>& table);
std::string markdown_table(const std::vector<std::vector<std::string>>& table);

}  // namespace nxm
