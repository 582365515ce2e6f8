// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/safetensors.h"

#include <cmath>
#include <cstring>
#include <deque>
#include <fstream>

#include "io/support.h"
#include "nxm/core/rng.h"
#include "nxm/io/atomic_file.h"

namespace nxm {
namespace {

using testing::expect_error;
using testing::TempFolder;

constexpr std::array kAllTypes = {DType::kBool, DType::kU8,   DType::kI8,  DType::kU16, DType::kI16,
                                  DType::kF16,  DType::kBF16, DType::kU32, DType::kI32, DType::kF32,
                                  DType::kU64,  DType::kI64,  DType::kF64};

std::string prefixed(uint64_t length, std::string_view rest) {
  return std::string(reinterpret_cast<const char*>(&length), 8) + std::string(rest);
}

TEST(SafetensorsFile, BrokenPrefix) {
  TempFolder folder;
  const auto rejected = [&](std::string_view bytes, std::initializer_list<std::string_view> parts) {
    write_file(folder / "m", bytes);
    expect_error([&] { SafetensorsFile(folder / "m"); }, parts);
  };
  rejected("", {"/m]", "at least 8 bytes, found 0"});
  rejected("1234567", {"at least 8 bytes, found 7"});
  rejected(prefixed(uint64_t{1} << 63, "{}"), {"claims 9223372036854775808 bytes", "holds 2 more"});
  rejected(prefixed(UINT64_MAX, "{}"), {"claims 18446744073709551615 bytes"});
  rejected(prefixed(3, "{}"), {"claims 3 bytes", "holds 2 more"});
  rejected(prefixed(0, ""), {"starts with '{'"});
  rejected(prefixed(0, "{}"), {"starts with '{'"});
  expect_error([&] { SafetensorsFile(folder.path()); }, {"a folder"});
}

TEST(SafetensorsFile, HeaderLimitOfTheFormat) {
  TempFolder folder;
  std::ofstream(folder / "m") << prefixed(kMaxSafetensorsHeader, "{}") << std::string(kMaxSafetensorsHeader - 2, ' ');
  EXPECT_NO_THROW(SafetensorsFile(folder / "m"));
  std::ofstream(folder / "m") << prefixed(kMaxSafetensorsHeader + 1, "{}");
  std::filesystem::resize_file(folder / "m", 2 * kMaxSafetensorsHeader);
  expect_error([&] { SafetensorsFile(folder / "m"); }, {"claims 100000001 bytes, but at most 100000000 are allowed"});
}

TEST(SafetensorsFile, UnknownTensorNamesTheNearest) {
  TempFolder folder;
  const float x = 1;
  write_safetensors(folder / "m", {{"encoder.weight", DType::kF32, {1}, std::as_bytes(std::span(&x, 1))}});
  const SafetensorsFile file(folder / "m");
  expect_error([&] { (void)file.info("encoder.wieght"); },
               {"/m]", "no tensor 'encoder.wieght' among its 1", "did you mean 'encoder.weight'"});
  float y = 0;
  EXPECT_THROW(file.read_f32("encoder.weight", {}), ContractError);
  EXPECT_THROW(file.read("encoder.weight", std::as_writable_bytes(std::span(&y, 1)).first(3)), ContractError);
  SafetensorsFile source(folder / "m");
  const SafetensorsFile moved(std::move(source));
  moved.read_f32("encoder.weight", {&y, 1});
  EXPECT_EQ(y, x);
}

TEST(SafetensorsFile, ShrunkWhileOpen) {
  TempFolder folder;
  const std::vector<float> values(1000, 1.0F);
  write_safetensors(folder / "m", {{"w", DType::kF32, {1000}, std::as_bytes(std::span(values))}});
  const SafetensorsFile file(folder / "m");
  std::filesystem::resize_file(folder / "m", 500);
  std::vector<float> out(1000);
  expect_error([&] { file.read_f32("w", out); }, {"/m]", "ends at byte 500", "truncated"});
}

TEST(SafetensorsFile, FloatsOfEveryWidthAndNothingElse) {
  TempFolder folder;
  constexpr size_t kCount = 300007;  // several buffers and a rest
  Rng rng(7, "values");
  std::vector<std::byte> bytes(kCount * 8);
  for (size_t i = 0; i < kCount; ++i) {
    const uint64_t bits = rng.next();
    std::memcpy(&bytes[i * 8], &bits, 8);
  }
  for (const DType type : kAllTypes) {
    const auto data = std::span(bytes).first(kCount * size_of(type));
    write_safetensors(folder / "m", {{"pad", DType::kU8, {3}, data.first(3)}, {"w", type, {kCount}, data}});
    const SafetensorsFile file(folder / "m");
    std::vector<float> out(kCount), expected(kCount);
    const std::string_view name = name_of(type);
    if (name.find('F') != std::string_view::npos) {
      file.read_f32("w", out);
      to_f32(type, data, expected);
      EXPECT_EQ(std::memcmp(out.data(), expected.data(), kCount * 4), 0) << name;
    } else {
      expect_error([&] { file.read_f32("w", out); }, {"tensor 'w': expected F16, BF16, F32 or F64, found", name});
    }
  }
}

TEST(WriteSafetensors, RandomFilesComeBack) {
  TempFolder folder;
  Rng rng(3, "files");
  for (int round = 0; round < 100; ++round) {
    std::deque<std::vector<std::byte>> data;
    std::vector<TensorToWrite> tensors;
    for (uint64_t n = rng.below(9); tensors.size() < n;) {
      TensorToWrite tensor;
      tensor.name = fmt::format("t{}\"\n{}", rng.below(1000), tensors.size());
      tensor.dtype = kAllTypes[rng.below(kAllTypes.size())];
      size_t count = 1;
      for (uint64_t rank = rng.below(4); tensor.shape.size() < rank; count *= tensor.shape.back()) {
        tensor.shape.push_back(static_cast<int64_t>(rng.below(7)));
      }
      data.emplace_back(count * size_of(tensor.dtype));
      for (std::byte& byte : data.back()) byte = static_cast<std::byte>(rng.next());
      tensor.data = data.back();
      tensors.push_back(tensor);
    }
    const std::map<std::string, std::string> metadata = {{"format", "pt"}, {"é", fmt::to_string(rng.next())}};
    write_safetensors(folder / "m", tensors, metadata);
    const SafetensorsFile file(folder / "m");
    EXPECT_EQ(file.metadata(), metadata);
    ASSERT_EQ(file.tensors().size(), tensors.size());
    const std::string raw = read_file(folder / "m");
    EXPECT_EQ(file.file_bytes(), raw.size());
    uint64_t header = 0;
    std::memcpy(&header, raw.data(), 8);
    EXPECT_EQ(header % 8, 0U);
    for (const TensorToWrite& tensor : tensors) {
      const TensorInfo& info = file.info(tensor.name);
      EXPECT_EQ(info.dtype, tensor.dtype);
      EXPECT_EQ(info.shape, tensor.shape);
      EXPECT_EQ(info.begin % size_of(tensor.dtype), 0U);
      std::vector<std::byte> back(tensor.data.size());
      file.read(tensor.name, back);
      EXPECT_TRUE(std::equal(back.begin(), back.end(), tensor.data.begin()));
    }
  }
}

TEST(WriteSafetensors, BrokenContracts) {
  TempFolder folder;
  const std::vector<std::byte> four(4);
  const TensorToWrite good = {"a", DType::kF32, {1}, four};
  const auto refused = [&](std::vector<TensorToWrite> tensors) {
    EXPECT_THROW(write_safetensors(folder / "m", std::move(tensors)), ContractError);
    EXPECT_TRUE(folder.names().empty());
  };
  refused({good, good});
  refused({{"__metadata__", DType::kF32, {1}, four}});
  refused({{"a", DType::kF32, {2}, four}});
  refused({{"a", DType::kF32, {-1}, four}});
  refused({{"a", DType::kF32, {INT64_MAX, 4}, {}}});
  refused({{"\xFF", DType::kF32, {1}, four}});
  expect_error([&] { write_safetensors(folder / "no/m", {good}); }, {"no/m]", "cannot write it"});
}

}  // namespace
}  // namespace nxm
