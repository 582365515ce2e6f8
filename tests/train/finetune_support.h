// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tests of whole runs share.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/train/finetune.h"
#include "train/tiny_run.h"

namespace nxm {

class FinetuneTest : public ::testing::Test {
 protected:
  void SetUp() override { test::write_tiny_model_and_task(folder.path); }

  Recipe recipe(const std::string& top_level = "", const std::vector<std::string>& set = {}) const {
    return Recipe::parse(test::tiny_recipe(top_level), folder.path / "recipe.toml", set);
  }
  std::filesystem::path out(const std::string& name) const { return folder.path / name; }

  test::TempFolder folder;
};

inline std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace nxm
