// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/channel_order.h"

#include <algorithm>
#include <numeric>

#include "nxm/core/assignment.h"
#include "nxm/core/error.h"
#include "nxm/core/rng.h"
#include "nxm/core/widths.h"

namespace nxm {
namespace {

constexpr int64_t kLanes = 16;          // sums run in this many, so that they vectorise without reordering
constexpr int64_t kFewest = 60;         // rounds: most of the gain of a large layer (bench/notes/channel_order.md)
constexpr int64_t kMost = 3000;         // of a small one
constexpr int64_t kWork = 200'000'000;  // operations: as many rounds as they allow, between the two
constexpr int64_t kPatience = 12;       // rounds without a gain that count as stuck
constexpr double kGain = 1e-7;          // relative: less is rounding

// The `keep` largest of what was put in, place by place: kept[k * width + i], descending in k.
struct Largest {
  int64_t keep, width;
  std::vector<float> kept;

  Largest(int64_t k, int64_t w) : keep(k), width(w), kept(static_cast<size_t>(k * w)) {}
  void clear() { std::fill(kept.begin(), kept.end(), 0.0F); }  // scores are >= 0
  [[nodiscard]] const float* least() const { return &kept[static_cast<size_t>((keep - 1) * width)]; }
};

NXM_WIDTHS void put(float* __restrict kept, int64_t keep, int64_t width, const float* __restrict values) {
  for (int64_t i = 0; i < width; ++i) {
    float x = values[i];
    for (int64_t k = 0; k < keep; ++k) {
      float& held = kept[k * width + i];
      const float larger = held > x ? held : x;
      x = held > x ? x : held;
      held = larger;
    }
  }
}

NXM_WIDTHS void put_two(float* __restrict kept, int64_t width, const float* __restrict values) {
  float* __restrict second = kept + width;
  for (int64_t i = 0; i < width; ++i) {
    const float x = values[i];
    const float least = kept[i] > x ? x : kept[i];
    kept[i] = kept[i] > x ? kept[i] : x;
    second[i] = second[i] > least ? second[i] : least;
  }
}

void put(Largest& largest, const float* values) {
  if (largest.keep == 2) {
    put_two(largest.kept.data(), largest.width, values);
  } else {
    put(largest.kept.data(), largest.keep, largest.width, values);
  }
}

NXM_WIDTHS float sum(const float* values, int64_t count) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] += values[i + l];
  }
  for (; i < count; ++i) lanes[0] += values[i];
  return std::accumulate(lanes, lanes + kLanes, 0.0F);
}

/// sum_i max(0, values[i] - bar[i]): what a channel adds to a group whose keep-th largest is `bar`.
NXM_WIDTHS float sum_above(const float* __restrict values, const float* __restrict bar, int64_t count) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) {
      const float above = values[i + l] - bar[i + l];
      lanes[l] += above > 0 ? above : 0;
    }
  }
  for (; i < count; ++i) lanes[0] += std::max(0.0F, values[i] - bar[i]);
  return std::accumulate(lanes, lanes + kLanes, 0.0F);
}

NXM_WIDTHS void add(float* to, const float* a, const float* b, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = a[i] + b[i];
}

// A layer with one row a channel. Inputs: the scores of a column, summed over the rows that share a choice. Outputs:
// the scores of a row, all first places of its groups, then all second ones, and so on.
struct Channels {
  ChannelSide side;
  int64_t width;
  std::vector<float> values;

  Channels(const ChannelScores& layer, const Pattern& pattern) : side(layer.side) {
    const auto& scores = layer.scores;
    values.resize(static_cast<size_t>(scores.size() / (side == ChannelSide::kInput ? pattern.share : 1)));
    width = side == ChannelSide::kInput ? scores.rows / pattern.share : scores.cols;
    const int64_t groups = scores.cols / pattern.of;
    for (int64_t r = 0; r < scores.rows; ++r) {
      for (int64_t c = 0; c < scores.cols; ++c) {
        const int64_t place = side == ChannelSide::kInput ? c * width + r / pattern.share
                                                          : r * width + c % pattern.of * groups + c / pattern.of;
        values[static_cast<size_t>(place)] += scores.row(r)[c];
      }
    }
  }
  [[nodiscard]] const float* row(int64_t channel) const { return &values[static_cast<size_t>(channel * width)]; }
};

class Search {
 public:
  Search(std::span<const ChannelScores> layers, const Pattern& pattern, uint64_t seed)
      : pattern_(pattern), rng_(seed, "channel order") {
    require(!layers.empty(), "find_channel_order: no layers");
    channels_ = channels_of(layers.front());
    order_.resize(static_cast<size_t>(channels_));
    std::iota(order_.begin(), order_.end(), 0);
    for (const ChannelScores& layer : layers) {
      require(channels_of(layer) == channels_, "find_channel_order: layers of different channels");
      pattern.check_fits("channels", layer.scores.rows, layer.scores.cols);
      total_ += std::accumulate(layer.scores.flat().begin(), layer.scores.flat().end(), 0.0);
      if (layer.side == ChannelSide::kOutput && pattern.share == 1) {  // any order keeps the same
        constant_ += kept_of_rows({layer, pattern});
        continue;
      }
      block_ = std::lcm<int64_t>(block_, layer.side == ChannelSide::kInput ? pattern.of : pattern.share);
      layers_.emplace_back(layer, pattern);
    }
  }

  ChannelOrder run() {
    const double before = kept();
    std::vector<int64_t> best = order_;
    double best_kept = before;
    if (!layers_.empty() && channels_ / block_ > 1) {
      int64_t stuck = 0;
      for (int64_t left = rounds(); left > 0; --left) {
        stuck = improve() ? 0 : stuck + 1;
        if (stuck < kPatience && left > 1) continue;
        stuck = 0;
        const double now = kept();
        if (now > best_kept) {
          best = order_;
          best_kept = now;
        } else {
          order_ = best;
        }
        shuffle_two_blocks();
      }
    }
    const double all = total_ == 0 ? 1 : total_;
    return {std::move(best), (before + constant_) / all, (best_kept + constant_) / all};
  }

 private:
  static int64_t channels_of(const ChannelScores& layer) {
    return layer.side == ChannelSide::kInput ? layer.scores.cols : layer.scores.rows;
  }

  [[nodiscard]] int64_t blocks() const { return channels_ / block_; }

  [[nodiscard]] int64_t rounds() const {
    int64_t width = 0;
    for (const Channels& layer : layers_)
      width += layer.width * (layer.side == ChannelSide::kInput ? 1 : pattern_.keep);
    return std::clamp(kWork / (blocks() * blocks() * std::max<int64_t>(width, 1)), kFewest, kMost);
  }

  // One channel out of each block, and all of them back in where they are worth most. False if they stay.
  bool improve() {
    const int64_t n = blocks();
    std::vector<int64_t> place(static_cast<size_t>(n));  // the free one of each block
    for (int64_t b = 0; b < n; ++b)
      place[static_cast<size_t>(b)] = b * block_ + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(block_)));
    std::vector<float> gain(static_cast<size_t>(n * n));  // (channel, block)
    for (const Channels& layer : layers_) {
      for (int64_t b = 0; b < n; ++b) add_gains(layer, place, b, gain);
    }
    const std::vector<int64_t> to = best_assignment({gain.data(), n, n});
    double now = 0, then = 0;
    for (int64_t i = 0; i < n; ++i) {
      now += gain[static_cast<size_t>(i * n + i)];
      then += gain[static_cast<size_t>(i * n + to[static_cast<size_t>(i)])];
    }
    if (then <= now * (1 + kGain)) return false;
    std::vector<int64_t> moved(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) moved[static_cast<size_t>(i)] = at(place[static_cast<size_t>(i)]);
    for (int64_t i = 0; i < n; ++i)
      order_[static_cast<size_t>(place[static_cast<size_t>(to[static_cast<size_t>(i)])])] =
          moved[static_cast<size_t>(i)];
    return true;
  }

  // What each free channel adds if it takes block b's free place.
  void add_gains(const Channels& layer, const std::vector<int64_t>& place, int64_t b, std::vector<float>& gain) const {
    const int64_t free = place[static_cast<size_t>(b)];
    const bool inputs = layer.side == ChannelSide::kInput;
    const int64_t size = inputs ? pattern_.of : pattern_.share;  // of the group with the free place
    const int64_t groups = layer.width / pattern_.of;
    Largest largest(pattern_.keep, inputs ? layer.width : groups);
    std::vector<float> partners(inputs ? 0 : static_cast<size_t>(layer.width)), together(partners.size());
    for (int64_t p = free / size * size; p < (free / size + 1) * size; ++p) {
      if (p == free) continue;
      if (inputs) {
        put(largest, layer.row(at(p)));
      } else {
        add(partners.data(), partners.data(), layer.row(at(p)), layer.width);
      }
    }
    for (size_t i = 0; i < place.size(); ++i) {
      const float* channel = layer.row(at(place[i]));
      float& value = gain[i * place.size() + static_cast<size_t>(b)];
      if (inputs) {
        value += sum_above(channel, largest.least(), layer.width);
        continue;
      }
      add(together.data(), partners.data(), channel, layer.width);
      largest.clear();
      for (int64_t k = 0; k < pattern_.of; ++k) put(largest, &together[static_cast<size_t>(k * groups)]);
      value += sum(largest.kept.data(), pattern_.keep * groups);
    }
  }

  // What the pattern keeps of the layers in the present order.
  [[nodiscard]] double kept() const {
    double all = 0;
    for (const Channels& layer : layers_) {
      all += layer.side == ChannelSide::kInput ? kept_of_columns(layer) : kept_of_rows(layer);
    }
    return all;
  }

  [[nodiscard]] double kept_of_columns(const Channels& layer) const {
    double all = 0;
    Largest largest(pattern_.keep, layer.width);
    for (int64_t first = 0; first < channels_; first += pattern_.of) {
      largest.clear();
      for (int64_t p = first; p < first + pattern_.of; ++p) put(largest, layer.row(at(p)));
      all = std::accumulate(largest.kept.begin(), largest.kept.end(), all);
    }
    return all;
  }

  [[nodiscard]] double kept_of_rows(const Channels& layer) const {
    double all = 0;
    const int64_t groups = layer.width / pattern_.of;
    Largest largest(pattern_.keep, groups);
    for (int64_t first = 0; first < channels_; first += pattern_.share) {
      std::vector<float> together(static_cast<size_t>(layer.width));
      for (int64_t p = first; p < first + pattern_.share; ++p)
        add(together.data(), together.data(), layer.row(at(p)), layer.width);
      largest.clear();
      for (int64_t k = 0; k < pattern_.of; ++k) put(largest, &together[static_cast<size_t>(k * groups)]);
      all = std::accumulate(largest.kept.begin(), largest.kept.end(), all);
    }
    return all;
  }

  void shuffle_two_blocks() {
    const auto n = static_cast<uint64_t>(blocks());
    const uint64_t a = rng_.below(n);
    const uint64_t b = (a + 1 + rng_.below(n - 1)) % n;
    const auto size = static_cast<size_t>(block_);
    const std::span first(&order_[a * size], size), second(&order_[b * size], size);
    std::vector<int64_t> both(first.begin(), first.end());
    both.insert(both.end(), second.begin(), second.end());
    shuffle(std::span(both), rng_);
    std::copy_n(both.begin(), size, first.begin());
    std::copy_n(both.begin() + block_, size, second.begin());
  }

  [[nodiscard]] int64_t at(int64_t place) const { return order_[static_cast<size_t>(place)]; }

  Pattern pattern_;
  Rng rng_;
  int64_t channels_ = 0, block_ = 1;
  double total_ = 0, constant_ = 0;
  std::vector<Channels> layers_;
  std::vector<int64_t> order_;
};

}  // namespace

ChannelOrder find_channel_order(std::span<const ChannelScores> layers, const Pattern& pattern, uint64_t seed) {
  return Search(layers, pattern, seed).run();
}

}  // namespace nxm
