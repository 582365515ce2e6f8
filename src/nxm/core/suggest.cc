// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "nxm/core/ascii.h"

namespace nxm {
namespace {

/// Letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string lower = ascii_lower(name);
  std::string_view nearest;
  size_t nearest_distance = std::string::npos;
  for (const std::string_view candidate : candidates) {
    const size_t longer = std::max(name.size(), candidate.size());
    const size_t shorter = std::min(name.size(), candidate.size());
    const size_t limit = std::min(longer / 3 + 1, nearest_distance);
    if (longer - shorter >= limit) continue;  // the distance is at least that; keeps absurdly long names cheap
    const size_t distance = edit_distance(lower, ascii_lower(candidate));
    if (distance >= limit) continue;
    nearest = candidate;
    nearest_distance = distance;
  }
  return nearest_distance == std::string::npos ? "" : fmt::format(" (did you mean '{}'?)", nearest);
}

std::string quoted_list(std::span<const std::string_view> names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += i + 1 == names.size() ? " and " : ", ";
    list += fmt::format("'{}'", names[i]);
  }
  return list;
}

}  // namespace nxm
