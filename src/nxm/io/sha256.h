// SPDX-License-Identifier: Apache-2.0
#pragma once
// SHA-256 as lower-case hex, of a file or of bytes in memory.

#include <filesystem>
#include <string>
#include <string_view>

namespace nxm {

std::string sha256_of_file(const std::filesystem::path& path);  ///< throws Error as InputFile does; constant memory
std::string sha256(std::string_view bytes);

}  // namespace nxm
