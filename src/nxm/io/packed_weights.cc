// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/packed_weights.h"

#include <fmt/format.h>

#include "nxm/core/error.h"

namespace nxm {
namespace {

constexpr std::string_view kWeight = ".weight";
constexpr std::string_view kValues = ".nm_values";
constexpr std::string_view kIndices = ".nm_indices";
constexpr std::string_view kScales = ".nm_scales";

}  // namespace

std::vector<PackedPart> packed_parts(const PackedInfo& info, std::string_view weight, int64_t rows, int64_t cols) {
  require(weight.ends_with(kWeight), "packed_parts: not the name of a weight");
  const Pattern& p = info.pattern;
  p.check_fits(weight, rows, cols);
  const std::string_view layer = weight.substr(0, weight.size() - kWeight.size());
  const auto name = [&](std::string_view part) { return fmt::format("{}{}", layer, part); };
  std::vector<PackedPart> parts = {{name(kValues), info.dtype, {rows, cols / p.of, p.keep}},
                                   {name(kIndices), DType::kU8, {rows / p.share, index_row_bytes(p, cols)}}};
  if (info.dtype == DType::kI8) parts.push_back({name(kScales), DType::kF32, {rows}});
  return parts;
}

std::optional<std::string> weight_of_part(std::string_view tensor) {
  for (const std::string_view part : {kValues, kIndices, kScales}) {
    if (tensor.ends_with(part)) return fmt::format("{}{}", tensor.substr(0, tensor.size() - part.size()), kWeight);
  }
  return std::nullopt;
}

Packed read_packed(const ModelDir& dir, const PackedInfo& info, const std::string& name) {
  const std::vector<int64_t>& shape = dir.info(name).shape;
  require(shape.size() == 2, "read_packed: not a packed weight");
  Packed packed{info.pattern, info.dtype, shape[0], shape[1], {}, {}, {}};
  const std::vector<PackedPart> parts = packed_parts(info, name, shape[0], shape[1]);
  packed.values.resize(dir.info(parts[0].name).bytes());
  packed.indices.resize(dir.info(parts[1].name).bytes());
  dir.read(parts[0].name, packed.values);
  dir.read(parts[1].name, packed.indices);
  if (info.dtype == DType::kI8) {
    packed.scales.resize(static_cast<size_t>(dir.info(parts[2].name).elements()));
    dir.read(parts[2].name, std::as_writable_bytes(std::span(packed.scales)));
  }
  check(packed.view(), fmt::format("{}: {}", dir.folder().string(), name));
  return packed;
}

}  // namespace nxm
