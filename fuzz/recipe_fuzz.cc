// SPDX-License-Identifier: Apache-2.0
#include "recipe_input.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  nxm::fuzz_recipe({reinterpret_cast<const char*>(data), size});
  return 0;
}
