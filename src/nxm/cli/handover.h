// SPDX-License-Identifier: Apache-2.0
#pragma once
// From nxm to nxm-train. Loading LibTorch takes longer than a short answer, so only what needs it pays for it.

namespace nxm::cli {

/// Whether the command line (argv, ending with a null pointer) is one for nxm-train: verbs that train, `info`, which
/// tells of LibTorch, `--engine torch`, and whatever names no verb (--help shows all of them).
bool needs_training(char* const* argv);

/// Becomes the nxm-train beside this program if the command line needs it. Returns if it does not, if this is that
/// program already, or if there is none: the verb then says so.
void hand_over(char* const* argv);

}  // namespace nxm::cli
