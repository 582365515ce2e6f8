// SPDX-License-Identifier: Apache-2.0
#include "nxm/report/run_record.h"

#include <algorithm>

namespace nxm {

StageRun* RunRecord::find(std::string_view stage) {
  const auto found = std::ranges::find(stages, stage, &StageRun::name);
  return found == stages.end() ? nullptr : &*found;
}

std::optional<double> RunRecord::score() const {
  if (!finished) return std::nullopt;
  return stages.back().result->score;
}

}  // namespace nxm
