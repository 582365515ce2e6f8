// SPDX-License-Identifier: Apache-2.0
#pragma once
// The JSON header of a safetensors file, checked by every rule of docs/formats.md. Reads no file.

#include <cstddef>
#include <cstdint>
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

/// Longest header that the format allows.
inline constexpr size_t kMaxSafetensorsHeader = 100'000'000;

/// The header alone: what a reader believes after checking every rule. `data_bytes` is the file's size less prefix and
/// header. Throws Error(where) that names the tensor and both numbers.
struct SafetensorsHeader {
  std::map<std::string, TensorInfo, std::less<>> tensors;
  std::map<std::string, std::string> metadata;
  static SafetensorsHeader parse(std::string_view header, uint64_t data_bytes, std::string_view where);
};

}  // namespace nxm
