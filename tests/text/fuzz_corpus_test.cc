// SPDX-License-Identifier: Apache-2.0
// Replays the seed corpus of the fuzz target `tokenizer`.

#include <filesystem>

#include "../../fuzz/tokenizer_input.h"
#include "nxm/io/atomic_file.h"
#include "text/support.h"

namespace nxm {
namespace {

TEST(FuzzCorpus, TokenizerReplays) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(NXM_TEST_DATA) / "../../fuzz/corpus/tokenizer")) {
    EXPECT_NO_THROW(tokenize_fuzzed(read_file(entry.path()))) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace nxm
