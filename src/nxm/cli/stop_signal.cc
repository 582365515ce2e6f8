// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/stop_signal.h"

#include <atomic>
#include <csignal>

namespace nxm::cli {
namespace {

std::atomic<int> received{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may store to it");

void on_signal(int signal) {
  received.store(signal);
  std::signal(signal, SIG_DFL);
}

}  // namespace

void catch_stop_signals() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
}

int stop_signal() { return received.load(); }

}  // namespace nxm::cli
