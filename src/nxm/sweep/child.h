// SPDX-License-Identifier: Apache-2.0
#pragma once
// A child process without a shell. Which are started, and when, is runner.h's.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nxm {

class Child {
 public:
  /// Starts the program argv[0] (a path). It reads from /dev/null, appends what it says to the file `log`, inherits no
  /// other descriptor and no signal setting, and has a process group of its own, so that Ctrl-C reaches it only through
  /// signal(). It gets SIGTERM if this process dies. Throws Error if it cannot be started.
  Child(const std::vector<std::string>& argv, const std::filesystem::path& log);
  /// Sends SIGTERM to a child that is still at work, and waits for it.
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;

  [[nodiscard]] pid_t id() const { return id_; }
  /// Once it has ended: its exit code, or 128 + the signal that ended it. Does not wait.
  std::optional<int> ended();
  void signal(int number) const;

 private:
  pid_t id_ = -1;  ///< -1: has ended and been waited for
};

}  // namespace nxm
