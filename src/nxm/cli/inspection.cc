// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/inspection.h"

#include <algorithm>
#include <cmath>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"

namespace nxm::cli {
namespace {

InspectedLayer read_layer(const ModelDir& model, const std::string& name, const std::vector<Pattern>& patterns,
                          bool named) {
  const TensorInfo& info = model.info(name);
  InspectedLayer layer{name, info.shape[0], info.shape[1], info.bytes(), 0, {}};
  std::vector<float> values(static_cast<size_t>(info.elements()));
  model.read_f32(name, values);
  layer.non_zero = std::ranges::count_if(values, [](float value) { return value != 0; });
  const MatrixView<const float> weight{values.data(), layer.rows, layer.cols};
  for (const Pattern& pattern : patterns) {
    if (named) pattern.check_fits(name, layer.rows, layer.cols);
    const bool fits = pattern.fits(layer.rows, layer.cols);
    layer.bad_groups.push_back(fits ? std::optional(check_pattern(weight, pattern).bad_groups) : std::nullopt);
  }
  return layer;
}

// The pattern that most layers show, the first of equals; none if no layer shows any.
std::optional<size_t> detect(const std::vector<InspectedLayer>& layers, size_t patterns) {
  std::optional<size_t> found;
  int64_t most = 0;
  for (size_t p = 0; p < patterns; ++p) {
    const int64_t count = std::ranges::count_if(layers, [p](const InspectedLayer& layer) { return layer.shows(p); });
    if (count > most) found = p;
    most = std::max(most, count);
  }
  return found;
}

}  // namespace

int64_t Inspection::bad_layers() const {
  return std::ranges::count_if(layers, [this](const InspectedLayer& layer) { return !holds(layer); });
}

double Inspection::density() const {
  int64_t non_zero = 0, size = 0;
  for (const InspectedLayer& layer : layers) {
    non_zero += layer.non_zero;
    size += layer.rows * layer.cols;
  }
  return static_cast<double>(non_zero) / static_cast<double>(size);
}

Inspection inspect(const ModelDir& model, const std::optional<Pattern>& named) {
  check_encoder(model);  // a layer left out would be one not looked at
  Inspection result;
  if (named) {
    result.patterns = {*named};
    result.pattern = 0;
  } else {
    result.patterns.assign(std::begin(kUsualPatterns), std::end(kUsualPatterns));
  }
  for (const std::string& name : sparsified_names(model.config())) {
    result.layers.push_back(read_layer(model, name, result.patterns, named.has_value()));
  }
  if (!named) result.pattern = detect(result.layers, result.patterns.size());
  result.bytes = model.weight_bytes();
  return result;
}

std::vector<DamagedTensor> damaged_tensors(const ModelDir& model) {
  std::vector<DamagedTensor> damaged;
  std::vector<float> values;
  for (const std::string& name : model.names()) {
    const TensorInfo& info = model.info(name);
    if (!is_float(info.dtype)) continue;  // packed weights in 8 bits: nobody can read damaged ones
    values.resize(static_cast<size_t>(info.elements()));
    model.read_f32(name, values);
    const int64_t count = std::ranges::count_if(values, [](float value) { return !std::isfinite(value); });
    if (count > 0) damaged.push_back({name, count});
  }
  return damaged;
}

}  // namespace nxm::cli
