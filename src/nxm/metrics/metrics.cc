// SPDX-License-Identifier: Apache-2.0
#include "nxm/metrics/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"

namespace nxm {
namespace {

using Values = std::span<const float>;

struct ClassCounts {
  double predicted = 0, truth = 0, both = 0;
  [[nodiscard]] double f1() const { return predicted + truth > 0 ? 2 * both / (predicted + truth) : 0; }
};

std::map<float, ClassCounts> count_classes(Values predicted, Values truth) {
  std::map<float, ClassCounts> counts;
  for (size_t i = 0; i < truth.size(); ++i) {
    counts[predicted[i]].predicted += 1;
    counts[truth[i]].truth += 1;
    if (predicted[i] == truth[i]) counts[truth[i]].both += 1;
  }
  return counts;
}

bool all_finite(Values values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

/// Ranks from 1; equal values share the mean of the ranks they take up.
std::vector<double> average_ranks(Values values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t first = 0; first < order.size();) {
    size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    const double rank = 1 + static_cast<double>(first + last) / 2;
    for (; first <= last; ++first) ranks[order[first]] = rank;
  }
  return ranks;
}

/// The values minus their mean, over their norm: r is the product of two such vectors. Empty for a constant.
std::vector<double> standardised(std::vector<double> values) {
  if (std::all_of(values.begin(), values.end(), [&](double v) { return v == values[0]; })) return {};
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& v : values) v -= mean;
  const double norm = std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
  for (double& v : values) v /= norm;
  return values;
}

double correlation(std::vector<double> x, std::vector<double> y) {
  x = standardised(std::move(x));
  y = standardised(std::move(y));
  if (x.empty() || y.empty()) return 0;
  return std::clamp(std::inner_product(x.begin(), x.end(), y.begin(), 0.0), -1.0, 1.0);
}

struct Metric {
  std::string_view name;
  double (*compute)(Values predicted, Values truth);
};

constexpr std::array<Metric, 6> kMetrics{{{"accuracy", accuracy},
                                          {"f1", f1},
                                          {"macro_f1", macro_f1},
                                          {"matthews", matthews},
                                          {"pearson", pearson},
                                          {"spearman", spearman}}};

}  // namespace

double accuracy(Values predicted, Values truth) {
  if (truth.empty()) return 0;
  const int64_t equal = std::inner_product(predicted.begin(), predicted.end(), truth.begin(), int64_t{0}, std::plus<>(),
                                           [](float p, float t) { return int64_t{p == t}; });
  return static_cast<double>(equal) / static_cast<double>(truth.size());
}

double f1(Values predicted, Values truth) { return count_classes(predicted, truth)[1].f1(); }

double macro_f1(Values predicted, Values truth) {
  const auto counts = count_classes(predicted, truth);
  double sum = 0;
  for (const auto& [label, count] : counts) sum += count.f1();
  return counts.empty() ? 0 : sum / static_cast<double>(counts.size());
}

// (n * hits - sum_k p_k t_k) / sqrt((n^2 - sum_k p_k^2) (n^2 - sum_k t_k^2)); all terms are integers below 2^53.
double matthews(Values predicted, Values truth) {
  const auto n = static_cast<double>(truth.size());
  double hits = 0, cross = 0, predicted_squares = 0, truth_squares = 0;
  for (const auto& [label, count] : count_classes(predicted, truth)) {
    hits += count.both;
    cross += count.predicted * count.truth;
    predicted_squares += count.predicted * count.predicted;
    truth_squares += count.truth * count.truth;
  }
  const double spread = (n * n - predicted_squares) * (n * n - truth_squares);
  return spread > 0 ? (n * hits - cross) / std::sqrt(spread) : 0;
}

double pearson(Values predicted, Values truth) {
  if (truth.empty() || !all_finite(predicted) || !all_finite(truth)) return 0;
  return correlation({predicted.begin(), predicted.end()}, {truth.begin(), truth.end()});
}

double spearman(Values predicted, Values truth) {
  if (truth.empty() || !all_finite(predicted) || !all_finite(truth)) return 0;
  return correlation(average_ranks(predicted), average_ranks(truth));
}

std::vector<std::string_view> metric_names() {
  std::vector<std::string_view> names(kMetrics.size());
  std::ranges::transform(kMetrics, names.begin(), &Metric::name);
  return names;
}

double compute_metric(std::string_view name, Values predicted, Values truth) {
  require(predicted.size() == truth.size(), "compute_metric: as many predictions as true values");
  for (const Metric& metric : kMetrics) {
    if (metric.name == name) return metric.compute(predicted, truth);
  }
  const auto names = metric_names();
  fail_usage("metrics", "unknown metric '{}'{}; there are {}", name, did_you_mean(name, names), quoted_list(names));
}

Scores compute_scores(std::span<const std::string> names, Values predicted, Values truth) {
  Scores scores;
  for (const std::string& name : names) {
    scores.metrics.emplace_back(name, compute_metric(name, predicted, truth));
    scores.score += scores.metrics.back().second / static_cast<double>(names.size());
  }
  return scores;
}

}  // namespace nxm
