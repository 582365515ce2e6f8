// SPDX-License-Identifier: Apache-2.0
// For test_metrics_oracle.py: reads cases "n, n predictions, n true values" and prints every metric, one case a line.

#include <iostream>
#include <vector>

#include "nxm/metrics/metrics.h"

int main() {
  std::cout.precision(17);
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
