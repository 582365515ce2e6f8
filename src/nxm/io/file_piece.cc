// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/file_piece.h"

#include "nxm/core/error.h"

namespace nxm {

FilePiece::FilePiece(const InputFile& file, uint64_t begin, uint64_t size)
    : file_(file.duplicate()), begin_(begin), size_(size) {
  if (begin > file.bytes() || size > file.bytes() - begin) {
    fail(file.path().string(),
         "expected {} bytes from byte {} on, but the file has {}. It was truncated; fetch it again", size, begin,
         file.bytes());
  }
}

void FilePiece::read_at(uint64_t offset, std::span<std::byte> out) const {
  require(offset <= size_ && out.size() <= size_ - offset, "FilePiece::read_at: beyond the piece");
  file_.read_at(begin_ + offset, out);
}

}  // namespace nxm
