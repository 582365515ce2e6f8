// SPDX-License-Identifier: Apache-2.0
#include "packed_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  nxm::read_fuzzed_packed({reinterpret_cast<const char*>(data), size});
  return 0;
}
