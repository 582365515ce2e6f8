// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <numeric>

#include "nxm/core/channel_order.h"
#include "nxm/train/admm.h"
#include "nxm/train/bert.h"
#include "nxm/train/method.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

// A linear whose channels first … first + count - 1 move.
struct Side {
  std::string linear;  // as "bert.encoder.layer.0.output.dense"
  ChannelSide side;
};
// Channels that may change places with one another, in all linears that touch them.
struct FreeChannels {
  int64_t first, count;
  std::vector<Side> sides;
};

// Between the two feed-forward linears all channels; between value and attention output, and of query and key (which
// meet in a scalar product) those of one head.
std::vector<FreeChannels> free_channels(const ModelConfig& config) {
  std::vector<FreeChannels> all;
  const int64_t head = config.hidden_size / config.num_attention_heads;
  for (int64_t i = 0; i < config.num_hidden_layers; ++i) {
    const std::string layer = fmt::format("bert.encoder.layer.{}.", i);
    all.push_back(
        {0,
         config.intermediate_size,
         {{layer + "intermediate.dense", ChannelSide::kOutput}, {layer + "output.dense", ChannelSide::kInput}}});
    for (int64_t h = 0; h < config.num_attention_heads; ++h) {
      const std::string attention = layer + "attention.";
      all.push_back(
          {h * head,
           head,
           {{attention + "self.value", ChannelSide::kOutput}, {attention + "output.dense", ChannelSide::kInput}}});
      all.push_back(
          {h * head,
           head,
           {{attention + "self.query", ChannelSide::kOutput}, {attention + "self.key", ChannelSide::kOutput}}});
    }
  }
  return all;
}

int64_t dimension(ChannelSide side) { return side == ChannelSide::kInput ? 1 : 0; }

// Puts the channels between two linears in an order in which the pattern keeps more; what the model computes stays.
class Permute final : public Method {
 public:
  void finish(StageContext& context) override {
    at::NoGradGuard no_gradient;
    const StageSpec& spec = context.spec;
    const Pattern& pattern = spec.pattern;
    std::map<std::string, at::Tensor> scores;
    std::vector<at::Tensor> grams;
    if (spec.criterion != "magnitude") grams = context.calibrate(spec.calibration);
    for (size_t i = 0; i < context.layers.size(); ++i) {
      const Parameter& weight = context.layers[i]->parameter;
      at::Tensor score = on_cpu(weight.tensor).square();
      if (!grams.empty()) score.mul_(on_cpu(grams[i]).diagonal());
      scores[weight.name] = score;
    }
    const std::vector<FreeChannels> all = free_channels(context.model->config());
    std::vector<ChannelOrder> orders(all.size());
    const uint64_t seed = context.seed;
    context.pool.parallel_for(static_cast<int64_t>(all.size()), 1, [&](int64_t begin, int64_t end) {
      at::NoGradGuard no_gradient_here;
      for (int64_t i = begin; i < end; ++i) {
        const FreeChannels& free = all[static_cast<size_t>(i)];
        if (free.count % std::lcm<int64_t>(pattern.of, pattern.share) != 0) continue;  // groups reach beyond a head
        std::vector<at::Tensor> parts;
        std::vector<ChannelScores> layers;
        for (const Side& side : free.sides) {
          parts.push_back(
              scores.at(side.linear + ".weight").narrow(dimension(side.side), free.first, free.count).contiguous());
          layers.push_back(
              {{parts.back().const_data_ptr<float>(), parts.back().size(0), parts.back().size(1)}, side.side});
        }
        orders[static_cast<size_t>(i)] = find_channel_order(layers, pattern, seed + static_cast<uint64_t>(i));
      }
    });
    const double before = kept(context, scores);
    for (size_t i = 0; i < all.size(); ++i) {
      if (orders[i].order.empty()) continue;
      const at::Tensor order = at::tensor(orders[i].order);
      const auto move = [&](const at::Tensor& tensor, int64_t dim) {
        at::Tensor part = tensor.detach().narrow(dim, all[i].first, all[i].count);
        part.copy_(part.index_select(dim, order.to(part.device())));
      };
      for (const Side& side : all[i].sides) {
        const int64_t dim = dimension(side.side);
        move(context.model->parameter(side.linear + ".weight").tensor, dim);
        move(scores.at(side.linear + ".weight"), dim);
        if (dim == 0) move(context.model->parameter(side.linear + ".bias").tensor, 0);
      }
    }
    context.log({{"kept_before", before}, {"kept_after", kept(context, scores)}});
  }

 private:
  // The share of all layers' scores that the pattern keeps.
  static double kept(const StageContext& context, const std::map<std::string, at::Tensor>& scores) {
    double sum = 0, all = 0;
    for (const auto& [name, score] : scores) {
      sum += project_tensor(score.sqrt(), context.spec.pattern, name, context.pool)
                 .square()
                 .sum(at::kDouble)
                 .item<double>();
      all += score.sum(at::kDouble).item<double>();
    }
    return all == 0 ? 1 : sum / all;
  }
};

}  // namespace

std::unique_ptr<Method> make_permute() { return std::make_unique<Permute>(); }

}  // namespace nxm
