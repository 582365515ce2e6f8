// SPDX-License-Identifier: Apache-2.0
#pragma once
// JSON out: always valid. Not for reading it (io/json_fields.h).

#include <string>

#include "nxm/io/json_fields.h"

namespace nxm {

/// `value` as JSON, on one line or indented. Numbers read back exactly; NaN and infinities, which JSON has not, become
/// null; bytes that are not UTF-8 become U+FFFD.
inline std::string json_text(const OrderedJson& value, int indent = -1) {
  return value.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace nxm
