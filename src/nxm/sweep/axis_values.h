// SPDX-License-Identifier: Apache-2.0
#pragma once
// Values of an axis out of TOML. Not for users of the room (sweep_file.h is the front).

#include <toml++/toml.h>

#include <filesystem>
#include <string>
#include <vector>

#include "nxm/sweep/sweep_file.h"

namespace nxm {

struct FlatKey {
  std::string name;  ///< "stage.admm.rho", whether it was written with quotes or as a dotted key
  const toml::node* node;
};

/// The keys of a table and of the tables in it, in the file's order.
std::vector<FlatKey> flat_keys(const toml::table& table);

/// [1, 2, 3], each of which sets the key; or [{label = "a", set = […]}, …]. Throws UsageError(place) for an empty axis
/// and for two values with one label.
Axis read_axis(const FlatKey& key, const std::filesystem::path& folder);

/// "key=value" or a list of them, with relative paths (model.path, task.data) taken from `folder`.
std::vector<std::string> read_set(const toml::node& node, const std::filesystem::path& folder);

/// A value or a list of values, as labels.
std::vector<std::string> read_labels(const toml::node& node);

}  // namespace nxm
