// SPDX-License-Identifier: Apache-2.0
#pragma once
// SIGINT and SIGTERM as a wish to stop, for verbs that have something to save.

namespace nxm::cli {

/// From now on the first SIGINT or SIGTERM is only remembered; the second takes effect at once.
void catch_stop_signals();

/// The signal that came, or 0.
int stop_signal();

}  // namespace nxm::cli
