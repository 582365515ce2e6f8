// SPDX-License-Identifier: Apache-2.0
#pragma once
// How far a sweep is, on stderr: one line that is drawn over on a terminal, plain lines elsewhere.

#include <cstddef>
#include <span>
#include <string>

#include "nxm/sweep/runner.h"

namespace nxm::cli {

/// "2 of 6 runs done, 1 failed; at work: seed=1, seed=2; ETA 3:20". `before` runs were done when the sweep started.
std::string status_text(const RunnerState& state, std::span<const Work> work, size_t before, int jobs);

/// A view that prints what happens. `work` must outlive it.
RunnerView sweep_view(std::span<const Work> work, size_t before, int jobs);

}  // namespace nxm::cli
