// SPDX-License-Identifier: Apache-2.0
// The program: a table of verbs, and the only place where exceptions end.

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "nxm/cli/ending.h"
#include "nxm/cli/handover.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/suggest.h"

namespace nxm::cli {
namespace {

// In the order in which `nxm --help` lists them.
constexpr void (*kVerbs[])(CLI::App&) = {
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

// The innermost verb that was named: `check` of `nxm data check`.
const CLI::App* named_verb(const CLI::App& app) {
  const CLI::App* verb = &app;
  while (!verb->get_subcommands().empty()) verb = verb->get_subcommands().front();
  return verb;
}

// " (did you mean '--out'?)" for a flag, or for a verb where one is expected.
std::string nearest_name(const CLI::App& verb, const std::string& word) {
  std::vector<std::string_view> names;
  std::vector<std::string> flags;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  names.assign(flags.begin(), flags.end());
  std::vector<std::string> verbs;
  for (const CLI::App* sub : verb.get_subcommands([](const CLI::App*) { return true; }))
    verbs.push_back(sub->get_name());
  if (!word.starts_with('-')) names.assign(verbs.begin(), verbs.end());
  return did_you_mean(word.substr(0, word.find('=')), names);
}

// CLI11 reports a missing argument before an unknown one, although the latter is often the reason for the former.
std::string usage_problem(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* verb = named_verb(app);
  const std::vector<std::string> unknown = verb->remaining();
  const bool expects_verb = verb->get_require_subcommand_min() > 0;
  if (unknown.empty()) return expects_verb ? "a verb is missing" : error.what();
  const char* kind = unknown[0].starts_with('-') ? "flag" : expects_verb ? "verb" : "argument";
  return fmt::format("unknown {} '{}'{}", kind, unknown[0], nearest_name(*verb, unknown[0]));
}

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

void add_everything(CLI::App& app) {
  app.set_version_flag("--version", "nxm " NXM_VERSION);
  app.require_subcommand(1);
  app.footer("Example:\n  nxm info\n\n`nxm VERB --help` explains a verb.");
  for (const auto add : kVerbs) add(app);
}

int run(int argc, char** argv) {
  CLI::App app{"N:M-sparse fine-tuning of Transformer encoders", "nxm"};
  try {
    add_everything(app);
    app.parse(argc, argv);
    flush_output();
    return exit_code;
  } catch (const CLI::Success& help) {
    app.exit(help);
    return kOk;
  } catch (const CLI::ParseError& error) {
    const std::string verb = named_verb(app)->get_display_name();
    return report(kUsage,
                  fmt::format("{}\nTry `nxm {}--help`.", usage_problem(app, error), verb == "nxm" ? "" : verb + " "));
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
