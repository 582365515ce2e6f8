// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"

namespace nxm::cli {

void add_demo(Verb app) {
  Verb verb = app.add("demo", "MiniLM on film reviews (not in this build: it has no training)");
  verb.take_anything();
  verb.run(
      [] { fail_usage("demo", "this nxm has no nxm-train beside it, which trains; build with -DNXM_BUILD_TRAIN=ON"); });
  verb.footer("Example:\n  cmake --preset release -DNXM_BUILD_TRAIN=ON && cmake --build --preset release\n");
}

}  // namespace nxm::cli
