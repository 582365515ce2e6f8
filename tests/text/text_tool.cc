// SPDX-License-Identifier: Apache-2.0
// For the Python tests: prints the tokenizer.json that nxm writes for the tokenizer of a folder.
#include <cstdio>
#include <exception>

#include "nxm/text/tokenizer.h"

int main(int argc, char** argv) try {
  if (argc != 2) return 2;
  std::puts(nxm::Tokenizer::load(argv[1]).to_json().c_str());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
