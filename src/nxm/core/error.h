// SPDX-License-Identifier: Apache-2.0
#pragma once
// The three ways in which nxm fails. Not for expected absence (std::optional) nor for a programmer's slip (assert).

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace nxm {

/// The world is wrong: a file, a number, a server. what() is "[where] message"; the message says what was expected,
/// what came and what to do. The program ends with exit code 1.
class Error : public std::runtime_error {
 public:
  Error(std::string_view where, std::string_view message)
      : std::runtime_error(fmt::format("[{}] {}", where, message)) {}
};

/// What the user asked for cannot be: a flag, a recipe key, an impossible combination. Exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// A caller broke the documented contract of a public function (shapes that disagree, say). Exit code 70.
class ContractError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// throw Error(where, formatted message).
template <typename... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(where, fmt::format(format, std::forward<Args>(args)...));
}

/// throw UsageError(where, formatted message).
template <typename... Args>
[[noreturn]] void fail_usage(std::string_view where, fmt::format_string<Args...> format, Args&&... args) {
  throw UsageError(where, fmt::format(format, std::forward<Args>(args)...));
}

/// Throws ContractError(message) unless `holds`.
inline void require(bool holds, std::string_view message) {
  if (!holds) throw ContractError(std::string(message));
}

}  // namespace nxm
