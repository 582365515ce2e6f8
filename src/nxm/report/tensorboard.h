// SPDX-License-Identifier: Apache-2.0
#pragma once
// TensorBoard event files with scalars: TFRecord framing (masked CRC32C) around hand-coded protobuf.

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace nxm {

class TensorBoardWriter {
 public:
  /// Creates events.out.tfevents.<seconds>.<pid>.nxm in `folder`.
  explicit TensorBoardWriter(const std::filesystem::path& folder);
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;

  void scalar(std::string_view tag, double value, int64_t step);
  void flush();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  void record(std::string_view event);
};

}  // namespace nxm
