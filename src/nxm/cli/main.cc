// SPDX-License-Identifier: Apache-2.0
// The program: a table of verbs, and the only place where exceptions end.

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>

#include "nxm/cli/ending.h"
#include "nxm/cli/handover.h"
#include "nxm/cli/verbs.h"

namespace nxm::cli {
namespace {

// In the order in which `nxm --help` lists them.
constexpr void (*kVerbs[])(Verb) = {
    add_fetch,     //
    add_finetune,  //
    add_sweep,     //
    add_eval,      //
    add_predict,   //
    add_bench,     //
    add_tokenize,  //
    add_data,      //
    add_inspect,   //
    add_report,    //
    add_pack,      //
    add_info,      //
    add_init,      //
    add_demo,      //
};

// Must not throw, even if nobody reads stderr any more.
int report(int code, const std::string& message) {
  std::fflush(stdout);
  std::fputs(("nxm: " + message + "\n").c_str(), stderr);
  return code;
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
  }
}

void add_everything(Verb program) {
  program.footer("Example:\n  nxm info\n\n`nxm VERB --help` explains a verb.");
  for (const auto add : kVerbs) add(program);
}

int run(int argc, char** argv) {
  try {
    const std::string problem =
        run_command_line(argc, argv, "N:M-sparse fine-tuning of Transformer encoders", add_everything);
    if (!problem.empty()) return report(kUsage, problem);
    flush_output();
    return exit_code;
  } catch (...) {
    const Ending ending = ending_of(std::current_exception());
    return ending.code == kBrokenPipe ? ending.code : report(ending.code, ending.message);
  }
}

}  // namespace
}  // namespace nxm::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a write to a closed pipe fails instead, and run() ends quietly
  std::signal(SIGXFSZ, SIG_IGN);  // so does one beyond the limit on a file's size
  try {
    nxm::cli::hand_over(argv);
    return nxm::cli::run(argc, argv);
  } catch (...) {  // no memory left even to say what happened
    return nxm::cli::kBug;
  }
}
