// SPDX-License-Identifier: Apache-2.0
#pragma once
// Drives the reader of config.json, and with it that of all JSON, with any bytes. What it accepts must be read back
// unchanged after writing. Shared by the fuzz target and the test that replays its corpus.

#include <string>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/io/model_config.h"

namespace nxm {

inline void read_fuzzed_config(std::string_view input) {
  std::string written;
  try {
    const ModelConfig config = ModelConfig::parse(input, "fuzz");
    require(config.hidden_size % config.num_attention_heads == 0, "heads that do not divide");
    written = config.to_json();
  } catch (const Error&) {  // what bad input is for
    return;
  }
  require(ModelConfig::parse(written, "written").to_json() == written, "what was written is not read back unchanged");
}

}  // namespace nxm
