// SPDX-License-Identifier: Apache-2.0
#pragma once
// One value of a recipe: what it may be, out of TOML, into TOML. Which keys there are is keys.h's.

#include <toml++/toml.h>

#include <string>
#include <string_view>

#include "nxm/recipe/keys.h"

namespace nxm {

/// toml::parse of `text`, which came from `source` (a file's name, or "--set key=value"). Throws UsageError with the
/// line.
toml::table parse_toml(std::string_view text, std::string_view source);

/// Starts with this: the source of an override.
inline constexpr std::string_view kSetSource = "--set ";

/// "file:line", or "--set key=value": the place for an error.
std::string place(const toml::source_region& region);

/// `text` as a TOML string on one line.
std::string quoted_toml(std::string_view text);

/// What a value of the key has to be: "a number above 0, at most 1".
template <typename Owner>
std::string expectation(const Key<Owner>& key);

/// owner.*key.field = node. Throws UsageError(place): expected, got.
template <typename Owner>
void read_value(const toml::node& node, std::string_view section, const Key<Owner>& key, Owner& owner);

/// owner.*key.field as TOML; reads back to the same value.
template <typename Owner>
std::string value_text(const Key<Owner>& key, const Owner& owner);

}  // namespace nxm
