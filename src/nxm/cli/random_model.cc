// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/projection.h"
#include "nxm/core/rng.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/write_model.h"

namespace nxm::cli {
namespace {

namespace fs = std::filesystem;

// As BERT is initialised: normal weights, LayerNorms of one and zero.
std::vector<float> initial(const std::string& name, const std::vector<int64_t>& shape, double deviation) {
  size_t count = 1;
  for (const int64_t dimension : shape) count *= static_cast<size_t>(dimension);
  std::vector<float> values(count, name.ends_with("LayerNorm.weight") ? 1.0F : 0.0F);
  if (shape.size() == 2) {
    Rng rng(0, name);
    for (float& value : values) value = static_cast<float>(deviation * rng.normal());
  }
  return values;
}

std::string vocabulary(int64_t size) {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (int64_t id = 5; id < size; ++id) text += fmt::format("word{}\n", id);
  return text;
}

}  // namespace

ModelConfig random_model_config(std::string_view shape) {
  ModelConfig config;  // BERT-base
  config.labels = {"negative", "positive"};
  config.problem_type = "single_label_classification";
  if (shape == "minilm") {
    config.num_hidden_layers = 6;
    config.hidden_size = 384;
    config.intermediate_size = 1536;
  } else if (shape != "bert-base") {
    fail_usage("shape", "expected minilm or bert-base, got '{}'", shape);
  }
  return config;
}

void write_random_model(const fs::path& folder, std::string_view shape, const std::optional<Pattern>& pattern) {
  ModelConfig config = random_model_config(shape);
  if (pattern) config.extra["nxm"] = {{"pattern", pattern->str()}};
  if (std::error_code ignored; fs::exists(folder, ignored) && !fs::is_empty(folder, ignored)) {
    fail(folder.string(), "this folder holds something already. Name a new one");
  }
  const std::vector<std::string> sparse = sparsified_names(config);
  std::deque<std::vector<float>> data;
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, dimensions] : expected_tensors(config)) {
    std::vector<float>& values = data.emplace_back(initial(name, dimensions, config.initializer_range));
    if (pattern && std::ranges::find(sparse, name) != sparse.end()) {
      const MatrixView<float> weight{values.data(), dimensions[0], dimensions[1]};
      project(weight, *pattern, weight, {}, name);
    }
    tensors.push_back({name, DType::kF32, dimensions, std::as_bytes(std::span(values))});
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail_errno(folder, "make the folder", error.value());
  write_file(folder / "vocab.txt", vocabulary(config.vocab_size));
  write_model_dir(folder, config, std::move(tensors), "");  // config.json last: with it the model is whole
}

}  // namespace nxm::cli
