// SPDX-License-Identifier: Apache-2.0
#pragma once
// What is odd about a task's data, before hours of training are spent on it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nxm/data/dataset.h"
#include "nxm/data/task.h"

namespace nxm {

struct SplitCheck {
  std::string split{};
  std::string file{};
  int64_t rows = 0;
  int64_t skipped = 0;                                  ///< rows left out (SplitSpec::skip_short_rows)
  int64_t empty = 0;                                    ///< rows in which a text is empty or blank
  int64_t duplicates = 0;                               ///< rows that repeat an earlier row's texts
  int64_t conflicts = 0;                                ///< of these, rows whose label differs from the earlier one's
  int64_t in_train = 0;                                 ///< rows whose texts also stand in train (0 for train itself)
  int64_t truncated = 0;                                ///< rows longer than max_length
  int64_t longest = 0;                                  ///< tokens
  double mean_length = 0;                               ///< tokens
  std::map<std::string, int64_t> labels;                ///< rows per label (classification, labelled splits)
  double label_mean = 0, label_min = 0, label_max = 0;  ///< regression
};

/// One entry for each split whose file exists; Error if there is none.
std::vector<SplitCheck> check_data(const Task& task, const std::filesystem::path& data, const Tokenizer& tokenizer,
                                   size_t max_length);
/// One line for each finding that deserves a look: truncation above 5 %, overlap, conflicts, empty or skipped rows, a
/// label with no rows or under 1 %.
std::vector<std::string> warnings(const std::vector<SplitCheck>& checks, size_t max_length);

}  // namespace nxm
