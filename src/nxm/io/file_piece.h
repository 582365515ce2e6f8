// SPDX-License-Identifier: Apache-2.0
#pragma once
// A part of a file that stays open, for large ones of which little is needed at a time.

#include <cstddef>
#include <cstdint>
#include <span>

#include "nxm/io/input_file.h"

namespace nxm {

/// Not mapped: a file that is cut short is an Error, and no signal. Replacing the file (rename) changes nothing here.
class FilePiece {
 public:
  /// `size` bytes from `begin` on. Throws Error if the file had fewer when it was opened.
  FilePiece(const InputFile& file, uint64_t begin, uint64_t size);

  [[nodiscard]] uint64_t bytes() const { return size_; }
  /// Fills `out` with the bytes from `offset` of the piece on; throws as InputFile::read_at(). Safe to call
  /// concurrently. No allocation.
  void read_at(uint64_t offset, std::span<std::byte> out) const;

 private:
  InputFile file_;
  uint64_t begin_, size_;
};

}  // namespace nxm
