// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/sha256.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

class Sha256 {
 public:
  Sha256() { require(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1, kBroken); }

  void add(std::span<const std::byte> bytes) {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1, kBroken);
  }

  std::string hex() {
    std::array<unsigned char, 32> digest = {};
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1, kBroken);
    return fmt::format("{:02x}", fmt::join(digest, ""));
  }

 private:
  static constexpr const char* kBroken = "OpenSSL without SHA-256";
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_{EVP_MD_CTX_new(), EVP_MD_CTX_free};
};

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) {
  const InputFile file(path);
  std::vector<std::byte> buffer(size_t{1} << 20);  // large enough that system calls do not count
  Sha256 hash;
  for (uint64_t at = 0; at < file.bytes();) {
    const auto part = std::span(buffer).first(std::min<uint64_t>(buffer.size(), file.bytes() - at));
    file.read_at(at, part);
    hash.add(part);
    at += part.size();
  }
  return hash.hex();
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

}  // namespace nxm
