// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/json_fields.h"

namespace nxm {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors is little-endian, and so is all of this file");

constexpr size_t kPrefix = 8;  // the header's length

std::string read_header(const InputFile& file) {
  const std::string where = file.path().string();
  uint64_t length = 0;
  if (file.bytes() < kPrefix) {
    fail(where, "expected at least 8 bytes, found {}. This is no safetensors file", file.bytes());
  }
  file.read_at(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > kMaxSafetensorsHeader || length > file.bytes() - kPrefix) {
    fail(where, "the header claims {} bytes, but at most {} are allowed and the file holds {} more. {}", length,
         kMaxSafetensorsHeader, file.bytes() - kPrefix,
         "This is no safetensors file, or it is truncated; fetch it again");
  }
  std::string header(length, '\0');
  file.read_at(kPrefix, std::as_writable_bytes(std::span(header)));
  return header;
}

uint64_t bytes_of_shape(const TensorToWrite& tensor) {
  uint64_t bytes = size_of(tensor.dtype);
  for (const int64_t dimension : tensor.shape) {
    require(dimension >= 0 && !__builtin_mul_overflow(bytes, static_cast<uint64_t>(dimension), &bytes),
            "write_safetensors: shape of " + tensor.name);
  }
  return bytes;
}

// Prefix and header for tensors that lie in this order.
std::string header_of(std::span<const TensorToWrite> tensors, const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t end = 0;
  for (const TensorToWrite& tensor : tensors) {
    require(bytes_of_shape(tensor) == tensor.data.size(),
            "write_safetensors: data of " + tensor.name + " does not match its shape");
    require(tensor.name != "__metadata__" && !header.contains(tensor.name),
            "write_safetensors: two tensors named " + tensor.name);
    const uint64_t begin = std::exchange(end, end + tensor.data.size());
    header[tensor.name] = {{"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::type_error& error) {
    throw ContractError(std::string("write_safetensors: a name that is not UTF-8: ") + error.what());
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), kPrefix) + text;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const std::string header = read_header(file_);
  data_begin_ = kPrefix + header.size();
  header_ = SafetensorsHeader::parse(header, file_.bytes() - data_begin_, path.string());
}

const TensorInfo& SafetensorsFile::info(std::string_view name) const {
  const auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    std::vector<std::string_view> names;
    for (const auto& entry : header_.tensors) names.push_back(entry.first);
    fail(path().string(), "no tensor {} among its {}{}", shown_name(name), names.size(), did_you_mean(name, names));
  }
  return found->second;
}

void SafetensorsFile::read(std::string_view name, std::span<std::byte> out) const {
  const TensorInfo& tensor = info(name);
  require(out.size() == tensor.bytes(), "SafetensorsFile::read: out is not of the tensor's size");
  file_.read_at(data_begin_ + tensor.begin, out);
}

FilePiece SafetensorsFile::piece(std::string_view name) const {
  const TensorInfo& tensor = info(name);
  return {file_, data_begin_ + tensor.begin, tensor.bytes()};
}

void SafetensorsFile::read_f32(std::string_view name, std::span<float> out) const {
  const TensorInfo& tensor = info(name);
  const size_t width = size_of(tensor.dtype);
  require(std::cmp_equal(out.size(), tensor.elements()), "SafetensorsFile::read_f32: out is not of the tensor's size");
  if (!is_float(tensor.dtype)) {
    fail(path().string(), "tensor {}: expected F16, BF16, F32 or F64, found {}. This is not a weight", shown_name(name),
         name_of(tensor.dtype));
  }
  if (tensor.dtype == DType::kF32) return file_.read_at(data_begin_ + tensor.begin, std::as_writable_bytes(out));
  std::vector<std::byte> part(std::min<uint64_t>(tensor.bytes(), uint64_t{1} << 20));  // a multiple of every width
  for (uint64_t at = data_begin_ + tensor.begin; !out.empty();) {
    const size_t count = std::min(out.size(), part.size() / width);
    const auto bytes = std::span(part).first(count * width);
    file_.read_at(at, bytes);
    to_f32(tensor.dtype, bytes, out.first(count));
    at += bytes.size();
    out = out.subspan(count);
  }
}

void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
    return std::pair(size_of(b.dtype), std::string_view(a.name)) <
           std::pair(size_of(a.dtype), std::string_view(b.name));
  });
  AtomicFile file(path);
  file.write(header_of(tensors, metadata));
  for (const TensorToWrite& tensor : tensors) file.write(tensor.data);
  file.commit();
}

}  // namespace nxm
