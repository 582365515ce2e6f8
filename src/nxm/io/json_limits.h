// SPDX-License-Identifier: Apache-2.0
#pragma once
// What keeps the memory of reading JSON from outside below the text's size + 64 MiB, shared by the two readers of JSON
// in this room (json_fields builds documents, safetensors_header does not). Not for users of the room.

#include <cstddef>
#include <string>
#include <string_view>

namespace nxm {

/// Longest string or number. The parser holds the one it reads twice, in buffers that double: 8 MiB at most.
inline constexpr size_t kMaxJsonToken = size_t{2} << 20;
/// All that is kept of a document. The largest in use, tokenizers of half a million words, take a little less; text of
/// nothing but brackets would take thirty times its own size.
inline constexpr size_t kMaxJsonMemory = size_t{56} << 20;

/// Counts memory before it is taken; throws Error(where) when it would be more than kMaxJsonMemory.
class JsonBudget {
 public:
  explicit JsonBudget(std::string_view where) : where_(where) {}
  void spend(size_t bytes);

 private:
  std::string_view where_;
  size_t spent_ = 0;
};

/// Heap memory of a string: none while it fits into the object itself.
inline size_t memory_of(const std::string& text) { return text.size() < 16 ? 0 : text.size() + 32; }

/// Throws Error(where) with the byte offset for a token longer than kMaxJsonToken and for a NUL byte.
void check_tokens(std::string_view text, std::string_view where);

/// throw Error(where) for the parser's complaint `what` at byte `position`.
[[noreturn]] void fail_json(std::string_view where, size_t position, std::string_view what);

}  // namespace nxm
