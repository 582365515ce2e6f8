// SPDX-License-Identifier: Apache-2.0
// The recipe fuzzer's corpus, once through.

#include <filesystem>

#include "../fuzz/recipe_input.h"
#include "nxm/io/atomic_file.h"
#include "recipe/support.h"

namespace nxm {
namespace {

TEST(RecipeFuzz, CorpusIsRefusedOrReadsBack) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(NXM_TEST_DATA "/../../fuzz/corpus/recipe")) {
    SCOPED_TRACE(entry.path());
    EXPECT_NO_THROW(fuzz_recipe(read_file(entry.path())));
    ++files;
  }
  EXPECT_GT(files, 10);
}

}  // namespace
}  // namespace nxm
