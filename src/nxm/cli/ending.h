// SPDX-License-Identifier: Apache-2.0
#pragma once
// What an exception means to the one who started the program: exit code and words.

#include <exception>
#include <string>

namespace nxm::cli {

/// 0 done, 1 the world is wrong or the answer is no, 2 usage, 70 a bug of ours, 141 the reader of our output went away.
/// Besides these, 130 and 143: a run stopped in order by SIGINT or SIGTERM.
enum ExitCode { kOk = 0, kWorld = 1, kUsage = 2, kBug = 70, kBrokenPipe = 141 };

struct Ending {
  ExitCode code;
  std::string message;
};

Ending ending_of(const std::exception_ptr& exception);

}  // namespace nxm::cli
