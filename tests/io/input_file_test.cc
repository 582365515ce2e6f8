// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/input_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "io/support.h"
#include "nxm/io/file_piece.h"

namespace nxm {
namespace {

using testing::expect_error;
using testing::TempFolder;

void write(const std::filesystem::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

TEST(InputFile, ReadsWholeAndParts) {
  TempFolder folder;
  const std::string text("a\0b\nc", 5);
  write(folder / "f", text);
  EXPECT_EQ(read_file(folder / "f"), text);
  InputFile file(folder / "f");
  InputFile moved(std::move(file));
  EXPECT_EQ(moved.bytes(), 5U);
  std::string part(3, ' ');
  moved.read_at(1, std::as_writable_bytes(std::span(part)));
  EXPECT_EQ(part, text.substr(1, 3));
  write(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
}

TEST(FilePiece, ReadsFromAFileThatIsClosedReplacedOrCutShort) {
  TempFolder folder;
  std::string text(3 * 4096 + 5, ' ');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 131 % 251);
  write(folder / "f", text);
  const auto shown = [](const FilePiece& piece, uint64_t offset, size_t size) {
    std::string out(size, ' ');
    piece.read_at(offset, std::as_writable_bytes(std::span(out)));
    return out;
  };
  for (const size_t begin : {size_t{0}, size_t{1}, size_t{4095}, size_t{12000}, text.size()}) {
    const FilePiece piece(InputFile(folder / "f"), begin, text.size() - begin);
    EXPECT_EQ(piece.bytes(), text.size() - begin);
    EXPECT_EQ(shown(piece, 0, piece.bytes()), text.substr(begin));
    EXPECT_EQ(shown(piece, piece.bytes() / 2, 1 % (piece.bytes() + 1)), text.substr(begin + piece.bytes() / 2, 1));
    EXPECT_THROW(shown(piece, 1, piece.bytes()), ContractError);
    EXPECT_THROW(shown(piece, ~uint64_t{0}, 1), ContractError);
  }
  const InputFile file(folder / "f");
  expect_error([&] { FilePiece(file, 1, text.size()); }, {"/f]", "It was truncated"});
  expect_error([&] { FilePiece(file, ~uint64_t{0}, 1); }, {"It was truncated"});

  FilePiece kept(file, 4000, 1000);
  write(folder / "other", std::string(text.size(), 'x'));
  std::filesystem::rename(folder / "f", folder / "old");
  std::filesystem::rename(folder / "other", folder / "f");
  const FilePiece moved(std::move(kept));
  EXPECT_EQ(shown(moved, 0, 1000), text.substr(4000, 1000));
  std::filesystem::resize_file(folder / "old", 4500);
  EXPECT_EQ(shown(moved, 0, 500), text.substr(4000, 500));
  expect_error([&] { shown(moved, 0, 501); }, {"ends at byte 4500", "It was truncated"});
}

TEST(InputFile, LimitIsCheckedBeforeReading) {
  TempFolder folder;
  write(folder / "f", "12345");
  EXPECT_EQ(read_file(folder / "f", 5), "12345");
  expect_error([&] { read_file(folder / "f", 4); }, {"/f]", "at most 4 bytes", "found 5"});
  write(folder / "sparse", "");
  std::filesystem::resize_file(folder / "sparse", uintmax_t{1} << 40);
  expect_error([&] { read_file(folder / "sparse"); }, {"found 1099511627776"});
}

TEST(InputFile, OnlyRegularFilesAndNeverWaits) {
  TempFolder folder;
  expect_error([&] { InputFile(folder / "absent"); }, {"/absent]", "cannot open it for reading", "No such file"});
  expect_error([&] { InputFile(folder.path()); }, {"expected a regular file, found a folder"});
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  expect_error([&] { InputFile(folder / "fifo"); }, {"found a FIFO"});
  expect_error([&] { InputFile("/dev/null"); }, {"found a device"});
  std::filesystem::create_symlink("loop", folder / "loop");
  expect_error([&] { InputFile(folder / "loop"); }, {"cannot open it"});
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (folder / "socket").c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  expect_error([&] { InputFile(folder / "socket"); }, {"found a socket"});
  ::close(fd);
}

TEST(InputFile, WithoutPermission) {
  TempFolder folder;
  write(folder / "f", "x");
  ASSERT_EQ(::chmod((folder / "f").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  const pid_t child = ::fork();  // root may read everything, so ask as nobody
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(3);
    try {
      InputFile(folder / "f");
      ::_exit(1);
    } catch (const Error& error) {
      ::_exit(std::strstr(error.what(), "Permission denied") != nullptr ? 0 : 2);
    }
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(InputFile, TruncatedWhileOpenIsAnError) {
  TempFolder folder;
  write(folder / "f", std::string(5000, 'x'));
  const InputFile file(folder / "f");
  std::filesystem::resize_file(folder / "f", 4000);
  std::string part(2000, ' ');
  file.read_at(2000, std::as_writable_bytes(std::span(part)));
  EXPECT_EQ(part, std::string(2000, 'x'));
  expect_error([&] { file.read_at(2001, std::as_writable_bytes(std::span(part))); },
               {"expected 2000 bytes from byte 2001", "ends at byte 4000", "truncated"});
}

TEST(InputFile, OffsetBeyondWhatTheSystemTakes) {
  TempFolder folder;
  write(folder / "f", "x");
  std::string part(1, ' ');
  expect_error([&] { InputFile(folder / "f").read_at(UINT64_MAX, std::as_writable_bytes(std::span(part))); },
               {"cannot read it"});
}

}  // namespace
}  // namespace nxm
