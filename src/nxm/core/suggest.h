// SPDX-License-Identifier: Apache-2.0
#pragma once
// The nearest valid name, for error messages.

#include <span>
#include <string>
#include <string_view>

namespace nxm {

/// The candidate with the smallest edit distance to `name` (case ignored) as " (did you mean 'x'?)", or "" when none is
/// nearer than a third of the longer name's length + 1.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

/// "'a', 'b' and 'c'".
std::string quoted_list(std::span<const std::string_view> names);

}  // namespace nxm
