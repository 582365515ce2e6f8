// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/ending.h"

#include <fmt/format.h>

#include <filesystem>
#include <new>
#include <string_view>
#include <system_error>

#include "nxm/core/error.h"

namespace nxm::cli {
namespace {

// LibTorch has no exception of its own for the CPU's memory, only these words: "DefaultCPUAllocator: can't allocate
// memory", "CUDA out of memory".
bool is_lack_of_memory(std::string_view what) {
  return what.find("allocate memory") != what.npos || what.find("out of memory") != what.npos;
}

}  // namespace

Ending ending_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const UsageError& error) {
    return {kUsage, error.what()};
  } catch (const Error& error) {
    return {kWorld, error.what()};
  } catch (const std::filesystem::filesystem_error& error) {
    return {kWorld, Error(error.path1().string(), error.code().message()).what()};
  } catch (const std::system_error& error) {
    return {error.code() == std::errc::broken_pipe ? kBrokenPipe : kWorld, error.what()};
  } catch (const std::bad_alloc&) {
    return {kWorld, "out of memory"};
  } catch (const std::exception& error) {
    if (is_lack_of_memory(error.what())) return {kWorld, "out of memory. A smaller batch or max_length needs less"};
    return {kBug, fmt::format("internal error, please report it: {}", error.what())};
  } catch (...) {
    return {kBug, "internal error, please report it: an exception of unknown type"};
  }
}

}  // namespace nxm::cli
