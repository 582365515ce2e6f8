// SPDX-License-Identifier: Apache-2.0
#pragma once
// Drives the reader of safetensors headers with any bytes: two bytes are the size of the data, the rest is the header.
// What it accepts must hold the format's rules. Shared by the fuzz target and the test that replays its corpus.

#include <cstdint>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/io/safetensors_header.h"

namespace nxm {

inline void read_fuzzed_header(std::string_view input) {
  if (input.size() < 2) return;
  const uint64_t data_bytes = static_cast<uint8_t>(input[0]) | static_cast<uint64_t>(static_cast<uint8_t>(input[1]))
                                                                   << 8;
  try {
    const SafetensorsHeader header = SafetensorsHeader::parse(input.substr(2), data_bytes, "fuzz");
    uint64_t covered = 0;
    for (const auto& [name, tensor] : header.tensors) {
      require(tensor.begin <= tensor.end && tensor.end <= data_bytes, "a tensor outside the data");
      require(static_cast<uint64_t>(tensor.elements()) * size_of(tensor.dtype) == tensor.bytes(),
              "a size that is not its shape's");
      covered += tensor.bytes();
    }
    require(covered == data_bytes, "data that belongs to no tensor or to two");
  } catch (const Error&) {  // what bad input is for
  }
}

}  // namespace nxm
