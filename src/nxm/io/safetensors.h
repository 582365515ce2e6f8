// SPDX-License-Identifier: Apache-2.0
#pragma once
// The safetensors container, strictly: 8 bytes little-endian header length, JSON header, tensor bytes. Knows nothing of
// models. The reader treats its file as hostile; rules in docs/formats.md.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/dtype.h"

namespace nxm {

struct TensorInfo {
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  ///< row-major; empty for a scalar
  uint64_t begin = 0;          ///< first byte, from the end of the header
  uint64_t end = 0;            ///< one past the last

  [[nodiscard]] int64_t elements() const;
  [[nodiscard]] uint64_t bytes() const { return end - begin; }
};

/// "[64, 64]".
std::string shape_text(std::span<const int64_t> shape);

/// The header alone: what a reader believes after checking every rule. `data_bytes` is the file's size less prefix and
/// header. Throws Error(where) that names the tensor and both numbers. The fuzz target drives this.
struct SafetensorsHeader {
  std::map<std::string, TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
  static SafetensorsHeader parse(std::string_view header, uint64_t data_bytes, std::string_view where);
};

/// An open file. Tensors are read on demand with pread, so a file that shrinks is an Error, not a signal.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  [[nodiscard]] const std::map<std::string, TensorInfo>& tensors() const { return header_.tensors; }
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] uint64_t file_bytes() const { return file_bytes_; }

  /// The tensor's info; throws Error naming the file and the nearest name if there is none.
  [[nodiscard]] const TensorInfo& info(std::string_view name) const;
  /// Its bytes as stored. out.size() must be info(name).bytes(), else ContractError.
  void read(std::string_view name, std::span<std::byte> out) const;
  /// Its values as f32 (F16, BF16, F32, F64 stored; another type is an Error). out.size() must be elements().
  void read_f32(std::string_view name, std::span<float> out) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t file_bytes_ = 0;
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

/// Writes atomically: names sorted, header padded with spaces so that data starts at a multiple of 8.
/// Throws ContractError for a duplicate name or data that does not match its shape.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace nxm
