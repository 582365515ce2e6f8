// SPDX-License-Identifier: Apache-2.0
#pragma once
// Model folders with random weights, and random batches for them.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/random_model.h"
#include "io/support.h"
#include "nxm/core/rng.h"
#include "nxm/infer/session.h"
#include "nxm/io/write_model.h"

namespace nxm::testing {

inline ModelConfig small_config() {
  ModelConfig config;
  config.vocab_size = 50;
  config.hidden_size = 64;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.intermediate_size = 128;
  config.max_position_embeddings = 40;
  config.labels = {"no", "maybe", "yes"};
  return config;
}

/// Written to a folder of its own, with a vocabulary of "w5" … besides the special tokens.
class ModelFolder {
 public:
  explicit ModelFolder(const ModelConfig& config = small_config(), std::optional<Pattern> pattern = std::nullopt,
                       const std::function<void(RandomModel&)>& change = {}, bool any_type = false) {
    RandomModel model(config, pattern);
    if (change) change(model);
    (any_type ? write_model_files : write_model_dir)(path(), config, model.tensors, "", kShardBytes);
    std::ofstream vocab(path() / "vocab.txt");
    for (const char* token : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}) vocab << token << '\n';
    for (int64_t i = 5; i < config.vocab_size; ++i) vocab << 'w' << i << '\n';
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

/// `sequences` of 2 … `longest` random tokens.
inline Dataset random_dataset(const ModelConfig& config, int64_t sequences, int64_t longest, uint64_t seed = 1) {
  Rng rng(seed, "infer data");
  Dataset data;
  for (int64_t i = 0; i < sequences; ++i) {
    const auto length = static_cast<int64_t>(2 + rng.below(static_cast<uint64_t>(longest) - 1));
    for (int64_t t = 0; t < length; ++t) {
      data.ids.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(config.vocab_size))));
      data.type_ids.push_back(t > length / 2);
    }
    data.begin.push_back(static_cast<int64_t>(data.ids.size()));
    data.labels.push_back(0);
  }
  return data;
}

inline float largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace nxm::testing
