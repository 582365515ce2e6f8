// SPDX-License-Identifier: Apache-2.0
#include "tokenizer_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nxm::tokenize_fuzzed({reinterpret_cast<const char*>(data), size});
  return 0;
}
