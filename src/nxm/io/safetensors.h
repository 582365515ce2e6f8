// SPDX-License-Identifier: Apache-2.0
#pragma once
// The safetensors container, strictly: 8 bytes little-endian header length, JSON header, tensor bytes. Knows nothing of
// models. The reader treats its file as hostile; rules in docs/formats.md.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/dtype.h"
#include "nxm/io/file_piece.h"
#include "nxm/io/input_file.h"
#include "nxm/io/safetensors_header.h"

namespace nxm {

/// An open file. Tensors are read on demand with pread, so a file that shrinks is an Error, not a signal.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  [[nodiscard]] const std::map<std::string, TensorInfo, std::less<>>& tensors() const { return header_.tensors; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  [[nodiscard]] const std::filesystem::path& path() const { return file_.path(); }
  [[nodiscard]] uint64_t file_bytes() const { return file_.bytes(); }

  /// The tensor's info; throws Error naming the file and the nearest name if there is none.
  [[nodiscard]] const TensorInfo& info(std::string_view name) const;
  /// Its bytes as stored. out.size() must be info(name).bytes(), else ContractError.
  void read(std::string_view name, std::span<std::byte> out) const;
  /// A tensor's bytes as a file of their own, for large ones of which little is needed at a time.
  [[nodiscard]] FilePiece piece(std::string_view name) const;
  /// Its values as f32 (F16, BF16, F32, F64 stored; another type is an Error). out.size() must be elements().
  void read_f32(std::string_view name, std::span<float> out) const;

 private:
  InputFile file_;
  uint64_t data_begin_ = 0;
  SafetensorsHeader header_;
};

/// A tensor to be written; `data` must outlive the call.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
};

/// Writes atomically: names sorted in the header, wider types first in the data and the header padded with spaces, so
/// that every tensor lies at a multiple of its element's size. Throws ContractError for a name that stands twice, is
/// "__metadata__" or not UTF-8, and for data that does not match its shape.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace nxm
