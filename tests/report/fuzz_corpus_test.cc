// SPDX-License-Identifier: Apache-2.0
// The run folder fuzzer's corpus, once through.

#include <filesystem>

#include "../fuzz/run_input.h"
#include "io/support.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

TEST(RunFuzz, CorpusIsReadWhateverItHolds) {
  const testing::TempFolder folder;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(NXM_TEST_DATA "/../../fuzz/corpus/run")) {
    SCOPED_TRACE(entry.path());
    EXPECT_NO_THROW(fuzz_run(read_file(entry.path()), folder.path()));
    ++files;
  }
  EXPECT_GT(files, 5);
}

}  // namespace
}  // namespace nxm
