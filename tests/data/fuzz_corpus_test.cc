// SPDX-License-Identifier: Apache-2.0
// Replays the seed corpus of the fuzz target `tsv`.

#include <filesystem>

#include "../../fuzz/tsv_input.h"
#include "data/support.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

TEST(FuzzCorpus, TsvReplays) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(NXM_TEST_DATA) / "../../fuzz/corpus/tsv")) {
    EXPECT_NO_THROW(read_fuzzed_examples(read_file(entry.path()))) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 10);
}

}  // namespace
}  // namespace nxm
