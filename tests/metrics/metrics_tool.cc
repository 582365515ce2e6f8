// SPDX-License-Identifier: Apache-2.0
// For test_metrics_oracle.py: reads cases "n, n predictions, n true values" and prints every metric, one case a line.
// With the argument "paired" for test_paired_oracle.py: reads cases "groups, n of each and its n values" and prints the
// first group's mean and deviation, then the interval over all groups.

#include <iostream>
#include <vector>

#include "nxm/metrics/metrics.h"
#include "nxm/metrics/paired.h"

namespace {

void paired() {
  for (size_t count = 0; std::cin >> count;) {
    std::vector<std::vector<double>> groups(count);
    for (auto& group : groups) {
      size_t n = 0;
      std::cin >> n;
      group.resize(n);
      for (double& value : group) std::cin >> value;
    }
    std::cout << nxm::mean(groups[0]) << ' ' << nxm::deviation(groups[0]).value_or(-1);
    if (const auto interval = nxm::bootstrap_interval(groups)) {
      std::cout << ' ' << interval->low << ' ' << interval->high;
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char**) {
  std::cout.precision(17);
  if (argc > 1) {
    paired();
    return 0;
  }
  for (const auto name : nxm::metric_names()) std::cout << name << ' ';
  std::cout << '\n';
  for (size_t n = 0; std::cin >> n;) {
    std::vector<float> predicted(n), truth(n);
    for (float& value : predicted) std::cin >> value;
    for (float& value : truth) std::cin >> value;
    for (const auto name : nxm::metric_names()) std::cout << nxm::compute_metric(name, predicted, truth) << ' ';
    std::cout << '\n';
  }
}
