// SPDX-License-Identifier: Apache-2.0
#pragma once
// The program's verbs. Each lives in a file of its own (fetch.cc, …) and adds one CLI11 subcommand with its callback.
// Verbs that need LibTorch live in <verb>_train.cc (the program nxm-train) and have a twin <verb>_absent.cc (nxm).

#include <CLI/CLI.hpp>
#include <string>

namespace nxm::cli {

void add_fetch(CLI::App& app);
void add_finetune(CLI::App& app);
void add_sweep(CLI::App& app);
void add_eval(CLI::App& app);
void add_predict(CLI::App& app);
void add_bench(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_inspect(CLI::App& app);
void add_report(CLI::App& app);
void add_pack(CLI::App& app);
void add_data(CLI::App& app);
void add_info(CLI::App& app);
void add_init(CLI::App& app);
void add_demo(CLI::App& app);

/// Exit code of the run so far; a verb sets it for an answer that is "no" (inspect: 1 for a broken pattern).
inline int exit_code = 0;

}  // namespace nxm::cli
