// SPDX-License-Identifier: Apache-2.0
#pragma once
// A tiny model, a tiny task and a short recipe on disk, for tests that run whole stages in a second.

#include <filesystem>
#include <string>

namespace nxm::test {

/// A folder that is removed with the object.
struct TempFolder {
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::filesystem::path path;
};

/// Writes model/ (2 layers of width 16, random weights, a vocabulary of 26 letter-pair words) and train.tsv, dev.tsv
/// (label: does "good" stand in the sentence) into `folder`.
void write_tiny_model_and_task(const std::filesystem::path& folder, int train_rows = 60);

/// A recipe with the stages dense, oneshot, asp, admm, masked over it; 15 steps each that trains.
std::string tiny_recipe(const std::string& top_level = "");

}  // namespace nxm::test
