// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/huge_pages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <thread>
#include <vector>

#include "nxm/core/rng.h"

namespace nxm {
namespace {

struct Piece {
  std::byte* memory;
  size_t bytes;
  std::byte mark;
};

/// Takes and gives back at random, each piece filled with its mark, which must still be there at its end.
void take_and_give_back(uint64_t seed) {
  Rng rng(seed, "huge pages");
  std::vector<Piece> pieces;
  const auto give_back = [&](size_t i) {
    const Piece& piece = pieces[i];
    EXPECT_TRUE(std::all_of(piece.memory, piece.memory + piece.bytes, [&](std::byte b) { return b == piece.mark; }));
    free_lasting(piece.memory, piece.bytes);
    pieces.erase(pieces.begin() + static_cast<ptrdiff_t>(i));
  };
  for (int turn = 0; turn < 150; ++turn) {
    if (rng.next() % 3 == 0 && !pieces.empty()) {
      give_back(rng.next() % pieces.size());
      continue;
    }
    const size_t bytes = 1 + rng.next() % (size_t{1} << (6 + rng.next() % 16));
    const Piece piece{allocate_lasting(bytes), bytes, static_cast<std::byte>(rng.next())};
    EXPECT_EQ(reinterpret_cast<uintptr_t>(piece.memory) % 64, 0U);
    std::fill_n(piece.memory, bytes, piece.mark);
    pieces.push_back(piece);
  }
  while (!pieces.empty()) give_back(pieces.size() - 1);
}

TEST(HugePages, PiecesAreAlignedAndDisjoint) {
  for (uint64_t seed = 0; seed < 5; ++seed) take_and_give_back(seed);
}

TEST(HugePages, ThreadsDoNotDisturbEachOther) {
  std::vector<std::thread> threads;
  for (uint64_t seed = 10; seed < 14; ++seed) threads.emplace_back(take_and_give_back, seed);
  for (std::thread& thread : threads) thread.join();
}

TEST(HugePages, MoreThanOneBlock) {
  const size_t large = size_t{40} << 20;
  std::byte* first = allocate_lasting(large);
  std::byte* second = allocate_lasting(large);
  EXPECT_TRUE(first + large <= second || second + large <= first);
  first[large - 1] = second[large - 1] = std::byte{1};
  free_lasting(first, large);
  free_lasting(second, large);
}

TEST(HugePages, AsVectors) {
  LastingVector<float> values(100'000, 2.0F);
  const LastingVector<float> copy = values;
  values.clear();
  values.shrink_to_fit();
  EXPECT_EQ(std::ranges::count(copy, 2.0F), 100'000);
}

TEST(HugePages, TooMuch) {
  EXPECT_THROW((void)allocate_lasting(std::numeric_limits<size_t>::max() - 100), std::bad_alloc);
  EXPECT_THROW((void)allocate_lasting(size_t{1} << 62), std::bad_alloc);
  LastingAllocator<double> doubles;
  EXPECT_THROW((void)doubles.allocate(size_t{1} << 61), std::bad_alloc);
}

}  // namespace
}  // namespace nxm
