// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/control_groups.h"

#include <fmt/format.h>

#include <fstream>
#include <string>

namespace nxm {

namespace fs = std::filesystem;

void visit_control_groups(const fs::path& membership, const fs::path& root, std::string_view controller,
                          const std::function<void(const fs::path& folder, bool v2)>& visit) {
  std::ifstream file(membership);
  for (std::string line; std::getline(file, line);) {  // hierarchy:controllers:/path
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 && fmt::format(",{},", controllers).find(fmt::format(",{},", controller)) == std::string::npos) continue;
    fs::path group = fs::path(line.substr(second + 1)).relative_path().lexically_normal();
    if (!group.empty() && *group.begin() == "..") group.clear();  // outside what this namespace shows
    for (;; group = group.parent_path()) {
      if (v2) {
        visit(root / group, true);
      } else {
        visit(root / controllers / group, false);
        visit(root / controller / group, false);
      }
      if (group.empty()) break;
    }
  }
}

}  // namespace nxm
