// SPDX-License-Identifier: Apache-2.0
#include "nxm/core/assignment.h"

#include <algorithm>
#include <limits>

#include "nxm/core/error.h"

namespace nxm {

// Rows enter one by one. Each grows a tree of tight edges (cost = price of row + price of column) from itself, raising
// prices by the least slack, until a free column is reached; the path to it is then flipped.
std::vector<int64_t> best_assignment(MatrixView<const float> gain) {
  require(gain.rows == gain.cols, "best_assignment: the matrix is not square");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto n = static_cast<size_t>(gain.rows);
  const size_t root = n;  // a column of its own that the entering row holds at first
  std::vector<double> row_price(n), column_price(n + 1), slack(n + 1);
  std::vector<size_t> row_of(n + 1, n), before(n);  // row that holds a column (n: none); column before it on the path
  std::vector<uint8_t> in_tree(n + 1);
  for (size_t entering = 0; entering < n; ++entering) {
    row_of[root] = entering;
    std::fill(slack.begin(), slack.end(), kInfinity);
    std::fill(in_tree.begin(), in_tree.end(), 0);
    size_t column = root;
    while (row_of[column] != n) {
      in_tree[column] = 1;
      const size_t row = row_of[column];
      const float* gains = gain.row(static_cast<int64_t>(row));
      double least = kInfinity;
      size_t next = root;
      for (size_t c = 0; c < n; ++c) {
        if (in_tree[c]) continue;
        const double here = -static_cast<double>(gains[c]) - row_price[row] - column_price[c];
        if (here < slack[c]) {
          slack[c] = here;
          before[c] = column;
        }
        if (slack[c] < least) {
          least = slack[c];
          next = c;
        }
      }
      for (size_t c = 0; c <= n; ++c) {
        if (in_tree[c]) {
          row_price[row_of[c]] += least;
          column_price[c] -= least;
        } else {
          slack[c] -= least;
        }
      }
      column = next;
    }
    for (; column != root; column = before[column]) row_of[column] = row_of[before[column]];
  }
  std::vector<int64_t> column_of(n);
  for (size_t c = 0; c < n; ++c) column_of[row_of[c]] = static_cast<int64_t>(c);
  return column_of;
}

}  // namespace nxm
