// SPDX-License-Identifier: Apache-2.0
#include "nxm/data/dataset.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "data/support.h"

namespace nxm {
namespace {

/// n examples of random lengths; example i holds ids i*1000, i*1000+1, …
Dataset random_dataset(Rng& rng, int64_t n, uint64_t longest) {
  Dataset data;
  for (int64_t i = 0; i < n; ++i) {
    for (uint64_t length = 2 + rng.below(longest), t = 0; t < length; ++t) {
      data.ids.push_back(static_cast<int32_t>(i * 1000 + static_cast<int64_t>(t)));
      data.type_ids.push_back(t > length / 2);
    }
    data.begin.push_back(static_cast<int64_t>(data.ids.size()));
    data.labels.push_back(static_cast<float>(i));
  }
  return data;
}

std::vector<int64_t> flattened(const std::vector<std::vector<int64_t>>& batches) {
  std::vector<int64_t> all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

void expect_each_once(std::vector<int64_t> all, int64_t n) {
  std::vector<int64_t> wanted(static_cast<size_t>(n));
  std::iota(wanted.begin(), wanted.end(), int64_t{0});
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, wanted);
}

/// Share of a batch's rectangle (longest x sequences) that padding would fill.
double padding_share(const Dataset& data, const std::vector<std::vector<int64_t>>& batches) {
  int64_t tokens = 0, rectangle = 0;
  for (const auto& batch : batches) {
    int64_t longest = 0;
    for (const int64_t i : batch) {
      tokens += data.length(i);
      longest = std::max(longest, data.length(i));
    }
    rectangle += longest * static_cast<int64_t>(batch.size());
  }
  return 1 - static_cast<double>(tokens) / static_cast<double>(rectangle);
}

TEST(Batch, HoldsEachSequenceWholeInOrderOfLength) {
  Rng rng(1, "batch");
  for (int round = 0; round < 200; ++round) {
    const Dataset data = random_dataset(rng, static_cast<int64_t>(1 + rng.below(40)), 12);
    std::vector<int64_t> picked;
    for (int64_t i = 0; i < data.size(); ++i) {
      if (rng.below(2) == 0) picked.push_back(i);
    }
    shuffle(std::span(picked), rng);
    const Batch batch = make_batch(data, picked);
    ASSERT_EQ(batch.size(), static_cast<int64_t>(picked.size()));
    ASSERT_EQ(batch.begin.back(), batch.tokens());
    std::set<int64_t> seen;
    for (int64_t b = 0; b < batch.size(); ++b) {
      const int64_t i = batch.examples[b], start = batch.begin[b], length = batch.begin[b + 1] - start;
      EXPECT_TRUE(seen.insert(i).second);
      ASSERT_EQ(length, data.length(i));
      EXPECT_EQ(batch.labels[b], data.labels[i]);
      for (int64_t t = 0; t < length; ++t) {
        EXPECT_EQ(batch.ids[start + t], data.ids[data.begin[i] + t]);
        EXPECT_EQ(batch.type_ids[start + t], data.type_ids[data.begin[i] + t]);
        EXPECT_EQ(batch.positions[start + t], t);
      }
      if (b == 0) continue;
      EXPECT_LT(std::pair(data.length(batch.examples[b - 1]), batch.examples[b - 1]), std::pair(length, i));
    }
  }
}

TEST(Sampler, EachExampleOnceAndOnlyTheLastBatchShort) {
  Rng rng(2, "sampler test");
  for (int round = 0; round < 200; ++round) {
    const auto n = static_cast<int64_t>(rng.below(400)), size = static_cast<int64_t>(1 + rng.below(9));
    const Dataset data = random_dataset(rng, n, 30);
    const Sampler sampler(data, size, rng.next());
    const auto batches = sampler.epoch(round);
    expect_each_once(flattened(batches), n);
    ASSERT_EQ(static_cast<int64_t>(batches.size()), sampler.batches());
    for (size_t b = 0; b < batches.size(); ++b) {
      const bool last = b + 1 == batches.size();
      EXPECT_EQ(static_cast<int64_t>(batches[b].size()), last && n % size != 0 ? n % size : size);
    }
  }
}

TEST(Sampler, PureFunctionOfLengthsBatchSeedAndEpoch) {
  Rng rng(3, "sampler test");
  const Dataset data = random_dataset(rng, 500, 30);
  Dataset other = data;  // other content, same lengths
  std::fill(other.ids.begin(), other.ids.end(), 7);
  const Sampler one(data, 8, 11), two(other, 8, 11);
  const auto later = one.epoch(3);
  for (const int64_t epoch : {0, 1, 2, 3}) EXPECT_EQ(one.epoch(epoch), two.epoch(epoch));
  EXPECT_EQ(one.epoch(3), later);
  EXPECT_NE(one.epoch(0), one.epoch(1));
  EXPECT_NE(one.epoch(0), Sampler(data, 8, 12).epoch(0));
}

TEST(Sampler, NearEqualLengthsYetRandomPartners) {
  Rng rng(4, "sampler test");
  const Dataset data = random_dataset(rng, 32 * 200, 60);
  const auto batches = Sampler(data, 32, 5).epoch(0);
  std::vector<std::vector<int64_t>> unsorted;
  for (int64_t i = 0; i < data.size(); i += 32) {
    unsorted.emplace_back(32);
    std::iota(unsorted.back().begin(), unsorted.back().end(), i);
  }
  EXPECT_LT(padding_share(data, batches), 0.05);
  EXPECT_GT(padding_share(data, unsorted), 0.4);  // what grouping saves
  // Batches of all lengths are spread over the epoch: both halves have nearly the same number of tokens.
  const auto tokens = [&](size_t first, size_t last) {
    int64_t sum = 0;
    for (size_t b = first; b < last; ++b) {
      for (const int64_t i : batches[b]) sum += data.length(i);
    }
    return static_cast<double>(sum);
  };
  EXPECT_NEAR(tokens(0, 100) / tokens(100, 200), 1, 0.25);
}

TEST(EvaluationBatches, LongestFirstEachOnce) {
  Rng rng(5, "evaluation");
  for (int round = 0; round < 100; ++round) {
    const auto n = static_cast<int64_t>(rng.below(100));
    const Dataset data = random_dataset(rng, n, 12);
    const auto all = flattened(evaluation_batches(data, static_cast<int64_t>(1 + rng.below(7))));
    expect_each_once(all, n);
    for (size_t k = 1; k < all.size(); ++k) {
      EXPECT_LT(std::pair(-data.length(all[k - 1]), all[k - 1]), std::pair(-data.length(all[k]), all[k]));
    }
  }
}

TEST(Tokenize, SameWithAndWithoutThreads) {
  const Tokenizer tokenizer = letters_tokenizer();
  Examples examples;
  Rng rng(6, "tokenize");
  for (int i = 0; i < 3000; ++i) {  // several blocks, the last one short
    Example example{.label = static_cast<float>(i)};
    for (uint64_t n = rng.below(12); n > 0; --n) example.a += static_cast<char>('a' + rng.below(10)) + std::string(" ");
    if (rng.below(2) == 0) example.b = "a b c";
    examples.rows.push_back(example);
  }
  ThreadPool pool(3);
  const Dataset one = tokenize(examples, tokenizer, 9), three = tokenize(examples, tokenizer, 9, &pool);
  EXPECT_EQ(one.ids, three.ids);
  EXPECT_EQ(one.type_ids, three.type_ids);
  EXPECT_EQ(one.begin, three.begin);
  EXPECT_EQ(one.labels, three.labels);
  EXPECT_EQ(one.truncated, three.truncated);
  ASSERT_EQ(one.size(), 3000);
  int64_t truncated = 0;
  for (int64_t i = 0; i < one.size(); ++i) {
    const Example& row = examples.rows[i];
    const Encoding wanted = row.b ? tokenizer.encode(row.a, *row.b, 9) : tokenizer.encode(row.a, std::nullopt, 9);
    EXPECT_EQ(std::vector<int32_t>(one.ids.begin() + one.begin[i], one.ids.begin() + one.begin[i + 1]), wanted.ids);
    truncated += wanted.dropped > 0;
  }
  EXPECT_EQ(one.truncated, truncated);
  EXPECT_GT(truncated, 0);
}

TEST(DatasetErrors, BatchesOfNothing) {
  const Dataset data;
  EXPECT_THROW(Sampler(data, 0, 1), ContractError);
  EXPECT_THROW(evaluation_batches(data, 0), ContractError);
  EXPECT_TRUE(Sampler(data, 4, 1).epoch(0).empty());
}

}  // namespace
}  // namespace nxm
