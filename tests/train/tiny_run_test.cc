// SPDX-License-Identifier: Apache-2.0
#include "train/tiny_run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <span>
#include <vector>

#include "nxm/core/rng.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/model_tensors.h"
#include "nxm/io/write_model.h"

namespace nxm::test {

namespace fs = std::filesystem;

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "nxm-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

void write_tiny_model_and_task(const fs::path& folder, int train_rows) {
  ModelConfig config;
  config.hidden_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.intermediate_size = 32;
  config.max_position_embeddings = 128;
  std::vector<std::string> words{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"};
  for (char c = 'a'; c <= 'z'; ++c) words.push_back(std::string("w") + c);
  config.vocab_size = static_cast<int64_t>(words.size());
  std::string vocab;
  for (const auto& word : words) vocab += word + "\n";
  fs::create_directories(folder / "model");
  write_file(folder / "model" / "vocab.txt", vocab);

  Rng rng(5, "tiny model");
  std::vector<std::vector<float>> values;
  std::vector<TensorToWrite> tensors;
  const auto expected = expected_tensors(config);
  values.reserve(expected.size());
  for (const auto& [name, shape] : expected) {
    if (name.starts_with("classifier.")) continue;
    int64_t size = 1;
    for (const int64_t n : shape) size *= n;
    auto& data = values.emplace_back(static_cast<size_t>(size));
    const bool scale = name.find("LayerNorm.weight") != std::string::npos;
    for (float& x : data) x = static_cast<float>((scale ? 1 : 0) + 0.2 * rng.normal());
    tensors.push_back({name, DType::kF32, shape, std::as_bytes(std::span(data))});
  }
  write_model_dir(folder / "model", config, std::move(tensors), folder / "model");

  const auto split = [&](const char* file, int rows) {
    std::string text = "text\tlabel\n";
    for (int i = 0; i < rows; ++i) {
      const bool good = rng.below(2) == 1;
      const uint64_t length = 3 + rng.below(8), place = rng.below(length);
      for (uint64_t j = 0; j < length; ++j) {
        if (j > 0) text += ' ';
        text += good && j == place ? "good" : words[6 + rng.below(26)];
      }
      text += good ? "\tyes\n" : "\tno\n";
    }
    write_file(folder / file, text);
  };
  split("train.tsv", train_rows);
  split("dev.tsv", 24);
}

std::string tiny_recipe(const std::string& top_level) {
  return top_level + R"(
seed = 3
threads = 1
device = "cpu"
keep_stages = true
[model]
path = "model"
[task]
kind = "classification"
train = "train.tsv"
dev = "dev.tsv"
text = ["text"]
label = "label"
labels = ["no", "yes"]
metrics = ["accuracy"]
[[stage]]
method = "dense"
epochs = 2
lr = 5e-3
batch = 8
weight_decay = 0.01
[[stage]]
method = "oneshot"
[[stage]]
method = "asp"
epochs = 1
batch = 8
lr = 1e-3
[[stage]]
method = "admm"
epochs = 2
batch = 8
lr = 1e-3
dual = 0.5
every = "3"
[[stage]]
method = "masked"
epochs = 1
batch = 8
lr = 1e-3
)";
}

}  // namespace nxm::test
