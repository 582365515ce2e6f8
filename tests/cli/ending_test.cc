// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/ending.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <new>
#include <system_error>

#include "nxm/core/error.h"

namespace nxm::cli {
namespace {

TEST(Ending, EveryKindOfExceptionHasItsCode) {
  const std::error_code full = std::make_error_code(std::errc::no_space_on_device);
  const struct {
    std::exception_ptr exception;
    int code;
    const char* says;
  } cases[] = {
      {std::make_exception_ptr(UsageError("--pattern", "expected keep:of")), 2, "[--pattern] expected keep:of"},
      {std::make_exception_ptr(Error("m/config.json", "is cut off")), 1, "[m/config.json] is cut off"},
      {std::make_exception_ptr(std::system_error(full, "cannot write")), 1, "No space left"},
      {std::make_exception_ptr(std::filesystem::filesystem_error("remove", "a/b", full)), 1,
       "[a/b] No space left on device"},
      {std::make_exception_ptr(std::system_error(std::make_error_code(std::errc::broken_pipe))), 141, "Broken pipe"},
      {std::make_exception_ptr(std::bad_alloc()), 1, "out of memory"},
      {std::make_exception_ptr(std::runtime_error("DefaultCPUAllocator: can't allocate memory: …")), 1,
       "smaller batch"},
      {std::make_exception_ptr(std::runtime_error("CUDA out of memory. Tried to …")), 1, "smaller batch"},
      {std::make_exception_ptr(ContractError("matmul: shapes disagree")), 70, "please report it: matmul"},
      {std::make_exception_ptr(std::out_of_range("map::at")), 70, "please report it: map::at"},
      {std::make_exception_ptr(std::runtime_error("index out of range in self")), 70, "please report it"},
      {std::make_exception_ptr(7), 70, "unknown type"},
  };
  for (const auto& c : cases) {
    const Ending ending = ending_of(c.exception);
    EXPECT_EQ(ending.code, c.code) << ending.message;
    EXPECT_NE(ending.message.find(c.says), std::string::npos) << ending.message;
  }
}

}  // namespace
}  // namespace nxm::cli
