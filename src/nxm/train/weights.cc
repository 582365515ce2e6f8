// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/weights.h"

#include <algorithm>
#include <set>

#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/io/write_model.h"

namespace nxm {
namespace {

bool is_head(std::string_view name) { return name.starts_with("bert.pooler.") || name.starts_with("classifier."); }

// Tensors of heads other than ours that published checkpoints carry.
bool is_foreign_head(std::string_view name) {
  return name.starts_with("cls.") || name.starts_with("qa_outputs.") || name.starts_with("lm_head.");
}

std::string listed(const std::vector<std::string>& names) {
  constexpr size_t kShown = 6;  // enough to recognise the kind of mistake
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i == 0 ? "'" : ", '") + names[i] + "'";
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

void draw_head(const Parameter& parameter, double deviation, uint64_t seed) {
  at::Tensor values = at::zeros(parameter.tensor.sizes(), at::kFloat);
  if (parameter.name.ends_with(".weight")) {
    Rng rng(seed, "head " + parameter.name);
    float* data = values.data_ptr<float>();
    for (int64_t i = 0; i < values.numel(); ++i) data[i] = static_cast<float>(deviation * rng.normal());
  }
  parameter.tensor.detach().copy_(values);
}

}  // namespace

std::vector<std::string> load_weights(Bert& model, const ModelDir& directory, uint64_t seed) {
  const std::string where = directory.folder().string();
  // The same number of outputs is not the same head: its labels must be the same words in the same order.
  const bool same_labels = directory.config().labels == model.config().labels || directory.config().labels.empty();
  std::vector<std::string> made, missing, unexpected;
  std::set<std::string, std::less<>> known;
  for (Parameter& parameter : model.parameters()) {
    known.insert(parameter.name);
    const bool classifier = parameter.name.starts_with("classifier.");
    const bool fits =
        directory.has(parameter.name) && directory.info(parameter.name).shape == parameter.tensor.sizes().vec();
    if (classifier ? !fits || !same_labels : is_head(parameter.name) && !directory.has(parameter.name)) {
      draw_head(parameter, model.config().initializer_range, seed);
      made.push_back(parameter.name);
      continue;
    }
    if (!directory.has(parameter.name)) {
      missing.push_back(parameter.name);
      continue;
    }
    if (!fits) {
      fail(where,
           "model.safetensors holds tensor '{}' as {}, but config.json makes it {}. The two files do not belong "
           "together",
           parameter.name, shape_text(directory.info(parameter.name).shape),
           shape_text(parameter.tensor.sizes().vec()));
    }
    at::Tensor values = at::empty(parameter.tensor.sizes(), at::kFloat);
    directory.read_f32(parameter.name, {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
    parameter.tensor.detach().copy_(values);
  }
  for (const std::string& name : directory.names()) {
    if (!known.contains(name) && !is_foreign_head(name)) unexpected.push_back(name);
  }
  if (!missing.empty() || !unexpected.empty()) {
    fail(where, "model.safetensors is not the model that config.json describes ({} layers): missing {}; unexpected {}",
         model.config().num_hidden_layers, missing.empty() ? "none" : listed(missing),
         unexpected.empty() ? "none" : listed(unexpected));
  }
  check_finite(model.parameters(), where);
  return made;
}

at::Tensor on_cpu(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

std::span<const std::byte> bytes_of(const at::Tensor& cpu_tensor) {
  return {static_cast<const std::byte*>(cpu_tensor.const_data_ptr()), static_cast<size_t>(cpu_tensor.nbytes())};
}

void save_model(const Bert& model, const ModelConfig& config, const std::filesystem::path& folder,
                const std::filesystem::path& tokenizer_from) {
  check_finite(model.parameters(), folder.string());
  std::vector<at::Tensor> keep;
  std::vector<TensorToWrite> tensors;
  for (const Parameter& parameter : model.parameters()) {
    keep.push_back(on_cpu(parameter.tensor));
    tensors.push_back({parameter.name, DType::kF32, parameter.tensor.sizes().vec(), bytes_of(keep.back())});
  }
  write_model_dir(folder, config, std::move(tensors), tokenizer_from);
}

bool all_finite(const at::Tensor& tensor) {
  // A sum is finite only if all its terms are (f64: no overflow from finite f32); one pass instead of isfinite's three.
  return std::isfinite(tensor.detach().sum(at::kDouble).item<double>());
}

void check_finite(const std::vector<Parameter>& parameters, std::string_view where) {
  for (const Parameter& parameter : parameters) {
    if (!all_finite(parameter.tensor)) {
      fail(where, "tensor '{}' holds a NaN or an infinity", parameter.name);
    }
  }
}

}  // namespace nxm
