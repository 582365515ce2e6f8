// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/json_limits.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/io/json_fields.h"

namespace nxm {

void JsonBudget::spend(size_t bytes) {
  spent_ += bytes;
  if (spent_ > kMaxJsonMemory) {
    fail(where_,
         "expected a document that takes at most {} MiB of memory, got more. This is not the file that was meant",
         kMaxJsonMemory >> 20);
  }
}

void check_tokens(std::string_view text, std::string_view where) {
  const size_t nul = text.find('\0');  // the parser would take it for the end
  if (nul != std::string_view::npos) fail_json(where, nul + 1, "a NUL byte");
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin + 1;
    if (text[begin] == '"') {
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    } else {
      end = std::min(text.find_first_of(" \t\r\n,:[]{}\"", begin), text.size());
    }
    if (end - begin > kMaxJsonToken) {
      fail(where,
           "expected no string or number above {} bytes, found one at byte {}. This is not the file that was meant",
           kMaxJsonToken, begin);
    }
    begin = text[begin] == '"' || end == begin ? end + 1 : end;
  }
}

void fail_json(std::string_view where, size_t position, std::string_view what) {
  // "[json.exception…] parse error at line 1, column 5: syntax error while …; last read: '…'", or "[…] number overflow
  // …"
  for (const std::string_view decoration : {"] ", ": "}) {
    if (const size_t at = what.find(decoration); at != std::string_view::npos) what.remove_prefix(at + 2);
  }
  what = what.substr(0, what.find("; last read"));
  fail(where, "expected JSON, stopped at byte {}: {}. Correct the file or fetch it again", position, what);
}

}  // namespace nxm
