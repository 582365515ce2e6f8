// SPDX-License-Identifier: Apache-2.0
#pragma once
// Scores of predictions against truth, equal to scikit-learn's and SciPy's. Degenerate cases never give
// NaN: each says what it is instead. Labels are class ids, or values, both as float.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nxm {

/// Share of equal entries. Empty input: 0.
double accuracy(std::span<const float> predicted, std::span<const float> truth);
/// 2TP / (2TP + FP + FN) of class 1. No positive in either: 0, as scikit-learn's zero_division=0.
double f1(std::span<const float> predicted, std::span<const float> truth);
/// Mean of per-class F1 over the classes that occur in either.
double macro_f1(std::span<const float> predicted, std::span<const float> truth);
/// Matthews correlation for any number of classes. A constant side: 0.
double matthews(std::span<const float> predicted, std::span<const float> truth);
/// Pearson's r. A constant side, fewer than two entries or a value that is not finite: 0 (SciPy: NaN with a warning).
double pearson(std::span<const float> predicted, std::span<const float> truth);
/// Pearson's r of average ranks; 0 where pearson() is.
double spearman(std::span<const float> predicted, std::span<const float> truth);

/// "accuracy", "f1", "macro_f1", "matthews", "pearson", "spearman".
std::vector<std::string_view> metric_names();
/// Throws UsageError with the nearest name. Throws ContractError on different sizes.
double compute_metric(std::string_view name, std::span<const float> predicted, std::span<const float> truth);

/// The task's metrics in order, and their mean: the score.
struct Scores {
  std::vector<std::pair<std::string, double>> metrics;
  double score = 0;
};
Scores compute_scores(std::span<const std::string> names, std::span<const float> predicted,
                      std::span<const float> truth);

}  // namespace nxm
