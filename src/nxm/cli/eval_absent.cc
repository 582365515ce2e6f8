// SPDX-License-Identifier: Apache-2.0
// `nxm eval` in a program without the training room.

#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"

namespace nxm::cli {

void add_eval(CLI::App& app) {
  CLI::App* verb = app.add_subcommand("eval", "(not in this build: it needs -DNXM_BUILD_TRAIN=ON)")->prefix_command();
  verb->callback(
      [] { fail_usage("eval", "this program was built without LibTorch; build it with -DNXM_BUILD_TRAIN=ON"); });
}

}  // namespace nxm::cli
