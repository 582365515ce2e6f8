// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/curve.h"

namespace nxm {

void Curve::add(Point point) {
  last_ = point;
  if (added_++ % stride_ != 0) return;
  kept_.push_back(point);
  if (kept_.size() < kMost) return;
  for (size_t i = 0; 2 * i < kept_.size(); ++i) kept_[i] = kept_[2 * i];
  kept_.resize((kept_.size() + 1) / 2);
  stride_ *= 2;
}

std::vector<Point> Curve::points() const {
  std::vector<Point> points = kept_;
  const bool last_is_kept = added_ == 0 || (added_ - 1) / stride_ * stride_ == added_ - 1;
  if (!last_is_kept) points.push_back(last_);
  return points;
}

}  // namespace nxm
