// SPDX-License-Identifier: Apache-2.0
#include "safetensors_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nxm::read_fuzzed_header({reinterpret_cast<const char*>(data), size});
  return 0;
}
