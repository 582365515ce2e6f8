// SPDX-License-Identifier: Apache-2.0
#pragma once
// A curve of any length in bounded memory: the longer it gets, the fewer of its points are kept. Not for tables.

#include <cstddef>
#include <vector>

namespace nxm {

struct Point {
  double x = 0;
  double y = 0;  ///< not finite: a gap
};

class Curve {
 public:
  static constexpr size_t kMost = 1000;  ///< points kept; a figure is narrower than that in pixels

  void add(Point point);
  /// Every stride()-th point that was added, and the last.
  [[nodiscard]] std::vector<Point> points() const;
  [[nodiscard]] size_t stride() const { return stride_; }
  [[nodiscard]] bool empty() const { return added_ == 0; }
  [[nodiscard]] const Point& last() const { return last_; }

 private:
  std::vector<Point> kept_;
  Point last_;
  size_t stride_ = 1;
  size_t added_ = 0;
};

}  // namespace nxm
