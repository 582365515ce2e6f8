// SPDX-License-Identifier: Apache-2.0
#pragma once
// The program's verbs. Each lives in a file of its own (fetch.cc, …) and adds itself.
// Verbs that need LibTorch live in <verb>_train.cc (the program nxm-train) and have a twin <verb>_absent.cc (nxm).

#include "nxm/cli/verb.h"

namespace nxm::cli {

void add_fetch(Verb app);
void add_finetune(Verb app);
void add_sweep(Verb app);
void add_eval(Verb app);
void add_predict(Verb app);
void add_bench(Verb app);
void add_tokenize(Verb app);
void add_inspect(Verb app);
void add_report(Verb app);
void add_pack(Verb app);
void add_data(Verb app);
void add_info(Verb app);
void add_init(Verb app);
void add_demo(Verb app);

/// Exit code of the run so far; a verb sets it for an answer that is "no" (inspect: 1 for a broken pattern).
inline int exit_code = 0;

}  // namespace nxm::cli
