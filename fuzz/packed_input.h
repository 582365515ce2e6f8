// SPDX-License-Identifier: Apache-2.0
#pragma once
// Drives the reader of packed weights with any bytes: a line of JSON, config.json's "nxm", then a safetensors file.
// What it accepts must hold its pattern. Shared by the fuzz target and the test that replays its corpus.

#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/core/mask.h"
#include "nxm/io/model_dir.h"

namespace nxm {

/// A folder with the input in it; one layer of hidden size 4.
class FuzzedModel {
 public:
  explicit FuzzedModel(std::string_view input) {
    std::string name = (std::filesystem::temp_directory_path() / "nxm-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "no temporary folder");
    folder_ = name;
    const size_t line = std::min(input.find('\n'), input.size());
    write(
        "config.json",
        R"({"model_type": "bert", "vocab_size": 4, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1,)"
        R"( "intermediate_size": 8, "nxm": )" +
            std::string(input.substr(0, line)) + "}");
    write("model.safetensors", input.substr(std::min(line + 1, input.size())));
  }
  ~FuzzedModel() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  FuzzedModel(const FuzzedModel&) = delete;
  FuzzedModel& operator=(const FuzzedModel&) = delete;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  void write(const char* name, std::string_view bytes) {
    std::FILE* file = std::fopen((folder_ / name).c_str(), "wb");
    require(file != nullptr, "cannot write");
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  }
  std::filesystem::path folder_;
};

inline void read_fuzzed_packed(std::string_view input) {
  const FuzzedModel model(input);
  try {
    const ModelDir dir(model.folder());
    if (!dir.packed()) return;
    for (const std::string& name : dir.packed()->layers) {
      const TensorInfo& info = dir.info(name);
      std::vector<float> values(static_cast<size_t>(info.elements()));
      dir.read_f32(name, values);
      const PatternReport report =
          check_pattern({values.data(), info.shape.at(0), info.shape.at(1)}, dir.packed()->pattern);
      require(report.valid(), "a packed weight that is not of its pattern");
    }
  } catch (const Error&) {  // what bad input is for
  }
}

}  // namespace nxm
