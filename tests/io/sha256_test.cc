// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/sha256.h"

#include <fstream>

#include "io/support.h"
#include "nxm/io/input_file.h"

namespace nxm {
namespace {

// FIPS 180-4's examples, with the digests that NIST publishes for them.
TEST(Sha256, PublishedVectors) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, FileEqualsBytesAroundTheBufferSize) {
  testing::TempFolder folder;
  for (const size_t size : {0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 2654435761U >> 24);
    std::ofstream(folder / "f", std::ios::binary) << text;
    EXPECT_EQ(sha256_of_file(folder / "f"), sha256(text)) << size;
  }
  testing::expect_error([&] { sha256_of_file(folder / "absent"); }, {"absent"});
}

}  // namespace
}  // namespace nxm
