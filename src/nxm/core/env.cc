// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/env.h"

#include <cstdlib>

#include "nxm/core/ascii.h"

namespace nxm::env {

std::optional<std::string> get(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

bool flag(const char* name) {
  const std::string value = ascii_lower(get(name).value_or(""));
  return value == "1" || value == "on" || value == "yes" || value == "true";
}

std::filesystem::path home() { return get("HOME").value_or("/"); }

}  // namespace nxm::env
