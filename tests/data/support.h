// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of the data room share: GLUE's folder, a scratch folder, a tiny tokenizer, an error's text.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "nxm/core/error.h"
#include "nxm/text/tokenizer.h"

namespace nxm {

/// NXM_GLUE_DIR, or shared/data/glue beside the repository. Empty if there is none.
inline std::filesystem::path glue_folder() {
  const char* variable = std::getenv("NXM_GLUE_DIR");
  const std::filesystem::path folder =
      variable != nullptr ? variable : std::filesystem::path(NXM_TEST_DATA) / "../../../shared/data/glue";
  return std::filesystem::is_directory(folder) ? folder : std::filesystem::path();
}

#define NXM_NEED_GLUE() \
  if (glue_folder().empty()) GTEST_SKIP() << "GLUE's files are not here; set NXM_GLUE_DIR to their folder"

/// A folder of this test's own, removed at its end.
class Scratch {
 public:
  Scratch()
      : folder_(
            std::filesystem::temp_directory_path() /
            fmt::format("nxm_data_{}_{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
  }
  ~Scratch() { std::filesystem::remove_all(folder_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  void write(std::string_view name, std::string_view content) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }

 private:
  std::filesystem::path folder_;
};

/// Knows the words a … j; every other word is [UNK]. A text of n words has n + 2 tokens.
inline Tokenizer letters_tokenizer() {
  return Tokenizer::from_vocab("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\n", true, "letters");
}

/// The text of the Exception that `action` throws, "" if it throws none.
template <typename Exception, typename Action>
std::string thrown(Action action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace nxm
