// SPDX-License-Identifier: Apache-2.0
#include "nxm/infer/layer.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/io/packed_info.h"

namespace nxm {
namespace {

template <typename T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

// Whole rows of choices lie end to end, so parts of one pattern and type can be joined.
void append(Packed& to, const Packed& from) {
  to.rows += from.rows;
  append(to.values, from.values);
  append(to.indices, from.indices);
  append(to.scales, from.scales);
}

DType stored_type(Precision precision) {
  if (precision == Precision::kInt8) return DType::kI8;
  return precision == Precision::kBf16 ? DType::kBF16 : DType::kF32;
}

}  // namespace

LayerReader::LayerReader(const ModelDir& dir, const ModelConfig& config, Target target, bool dense)
    : dir_(dir), config_(config), shapes_(expected_tensors(config)), target_(target), dense_(dense) {
  if (const auto claimed = claimed_pattern(config)) patterns_.push_back(*claimed);
  patterns_.insert(patterns_.end(), std::begin(kUsualPatterns), std::end(kUsualPatterns));
}

const TensorInfo& LayerReader::check_shape(const std::string& name) const {
  const TensorInfo& info = dir_.info(name);
  const std::vector<int64_t>& shape = shapes_.at(name);
  if (info.shape != shape) {
    fail(dir_.folder().string(), "tensor '{}': expected shape {} by config.json, found {}. Fetch the model again", name,
         shape_text(shape), shape_text(info.shape));
  }
  return info;
}

std::vector<float> LayerReader::tensor(const std::string& name) const {
  std::vector<float> values(static_cast<size_t>(check_shape(name).elements()));
  dir_.read_f32(name, values);
  if (!all_finite(values)) {
    fail(dir_.folder().string(),
         "tensor '{}' holds NaN or infinite values: it is damaged. Fetch or train the model again", name);
  }
  return values;
}

bool LayerReader::is_packed(const std::string& weight) const {
  return dir_.packed() && std::ranges::find(dir_.packed()->layers, weight) != dir_.packed()->layers.end();
}

Packed LayerReader::packed_rows(const std::vector<std::string>& weights) const {
  Packed all = read_packed(dir_, *dir_.packed(), weights[0]);
  for (size_t i = 1; i < weights.size(); ++i) append(all, read_packed(dir_, *dir_.packed(), weights[i]));
  return all;
}

std::vector<float> LayerReader::dense_rows(const std::vector<std::string>& weights) const {
  std::vector<float> all;
  for (const std::string& weight : weights) append(all, tensor(weight));
  return all;
}

LayerReader::Found LayerReader::find_pattern(MatrixView<const float> weight, Precision precision) const {
  Found found;
  for (const Pattern& pattern : patterns_) {
    if (!keeps_pattern(weight, pattern)) continue;
    if (!found.kept) found = {pattern, pattern};
    if (runs_sparse(pattern, weight.rows, weight.cols, precision, target_)) {
      found.run = pattern;
      break;
    }
  }
  return found;
}

Layer LayerReader::linear(const LayerParts& parts) const {
  Layer layer;
  layer.info.name = fmt::format("{}{}", parts.at, fmt::join(parts.parts, "+"));
  std::vector<std::string> weights;
  for (const std::string& part : parts.parts) {
    weights.push_back(parts.at + part + ".weight");
    append(layer.bias, tensor(parts.at + part + ".bias"));
  }
  std::vector<float> dense;
  std::optional<Packed> packed;
  LinearSource source;
  Found found;
  if (std::ranges::all_of(weights, [this](const std::string& weight) { return is_packed(weight); })) {
    packed = packed_rows(weights);
  } else {
    dense = dense_rows(weights);
    source.dense = {dense.data(), layer.outputs(), static_cast<int64_t>(dense.size()) / layer.outputs()};
    if (!dense_) found = find_pattern(source.dense, parts.precision);
    if (found.run) packed = pack(source.dense, *found.run, stored_type(parts.precision), layer.info.name);
  }
  if (packed) source.packed = packed->view();
  LinearChoice choice = make_linear(source, parts.precision, target_, dense_);
  layer.info.pattern = found.kept ? found.kept->str() : packed ? packed->pattern.str() : "dense";
  layer.info.kernel = choice.kernel;
  layer.info.why = std::move(choice.why);
  if (found.kept != found.run)
    layer.info.why = fmt::format("{} is run as {}: ", found.kept->str(), found.run->str()) + layer.info.why;
  layer.inputs = source.inputs();
  layer.linear = std::move(choice.linear);
  return layer;
}

}  // namespace nxm
