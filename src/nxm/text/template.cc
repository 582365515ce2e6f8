// SPDX-License-Identifier: Apache-2.0
#include "nxm/text/template.h"

#include <algorithm>

namespace nxm {

size_t count_special(const Template& items) {
  return static_cast<size_t>(std::count_if(
      items.begin(), items.end(), [](const TemplateItem& item) { return item.kind == TemplateItem::Kind::kSpecial; }));
}

std::pair<size_t, size_t> longest_first(size_t a, size_t b, size_t room) {
  if (a + b <= room) return {a, b};
  size_t shorter = std::min(a, b);
  size_t longer = std::max(shorter, room - std::min(shorter, room));
  if (shorter + longer > room) {
    shorter = room / 2;
    longer = room - shorter;
  }
  return a > b ? std::pair(longer, shorter) : std::pair(shorter, longer);
}

}  // namespace nxm
