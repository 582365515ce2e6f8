// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <string>

#include "nxm/core/error.h"
#include "nxm/report/append.h"

namespace nxm {
namespace {

// CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, as TFRecord uses it, and its masking.
constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78U : 0);
    table[i] = crc;
  }
  return table;
}();

uint32_t masked_crc(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8U;
}

template <typename T>
std::string little_endian(T value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(T); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

// Protocol buffer fields: a key (number << 3 | wire type), then the value.
std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string varint_field(int number, uint64_t value) {
  return varint(static_cast<uint64_t>(number) << 3) + varint(value);
}
std::string double_field(int number, double value) {
  return varint(static_cast<uint64_t>(number) << 3 | 1) + little_endian(std::bit_cast<uint64_t>(value));
}
std::string float_field(int number, float value) {
  return varint(static_cast<uint64_t>(number) << 3 | 5) + little_endian(std::bit_cast<uint32_t>(value));
}
std::string bytes_field(int number, std::string_view value) {
  return varint(static_cast<uint64_t>(number) << 3 | 2) + varint(value.size()) + std::string(value);
}

double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail(folder.string(), "cannot be created: {}", error.message());
  path_ = folder / fmt::format("events.out.tfevents.{:010.0f}.{}.nxm", std::floor(wall_time()), ::getpid());
  fd_ = open_append(path_);
  record(double_field(1, wall_time()) + bytes_field(3, "brain.Event:2"));  // Event.wall_time, Event.file_version
}

TensorBoardWriter::~TensorBoardWriter() { ::close(fd_); }

void TensorBoardWriter::scalar(std::string_view tag, double value, int64_t step) {
  // Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }
  const std::string entry = bytes_field(1, tag) + float_field(2, static_cast<float>(value));
  record(double_field(1, wall_time()) + varint_field(2, static_cast<uint64_t>(step)) +
         bytes_field(5, bytes_field(1, entry)));
}

void TensorBoardWriter::flush() { sync_append(fd_, path_); }

void TensorBoardWriter::record(std::string_view event) {
  const std::string length = little_endian(static_cast<uint64_t>(event.size()));
  append(fd_, path_,
         length + little_endian(masked_crc(length)) + std::string(event) + little_endian(masked_crc(event)));
}

}  // namespace nxm
