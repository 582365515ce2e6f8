// SPDX-License-Identifier: Apache-2.0
// Replays the seed corpus of the fuzz targets of this room: no signal, no exception but Error, and the targets' own
// checks.
#include <functional>
#include <string_view>

#include "../../fuzz/config_input.h"
#include "../../fuzz/packed_input.h"
#include "../../fuzz/safetensors_input.h"
#include "io/support.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

/// Replays every file, then each of them cut off at every byte, or at every `step`-th where a run is slow.
void replay(const char* target, const std::function<void(std::string_view)>& drive, size_t step = 1) {
  const fs::path corpus = fs::path(NXM_TEST_DATA).parent_path().parent_path() / "fuzz/corpus" / target;
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(corpus)) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = read_file(entry.path());
    EXPECT_NO_THROW(drive(bytes));
    for (size_t size = 0; size < bytes.size(); size += step)
      EXPECT_NO_THROW(drive(std::string_view(bytes).substr(0, size)));
    ++files;
  }
  EXPECT_GE(files, 10U);
}

TEST(FuzzCorpus, Safetensors) { replay("safetensors", read_fuzzed_header); }

TEST(FuzzCorpus, Config) { replay("config", read_fuzzed_config); }

TEST(FuzzCorpus, Packed) { replay("packed", read_fuzzed_packed, 7); }

}  // namespace
}  // namespace nxm
