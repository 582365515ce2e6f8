// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "run_input.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  static const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("nxm-run-fuzz-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  nxm::fuzz_run({reinterpret_cast<const char*>(data), size}, folder);
  return 0;
}
