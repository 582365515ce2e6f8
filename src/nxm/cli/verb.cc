// SPDX-License-Identifier: Apache-2.0
#include "nxm/cli/verb.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string_view>
#include <utility>

#include "nxm/core/suggest.h"

namespace nxm::cli {
namespace {

// The innermost verb that was named: `check` of `nxm data check`.
const CLI::App* named_verb(const CLI::App& app) {
  const CLI::App* verb = &app;
  while (!verb->get_subcommands().empty()) verb = verb->get_subcommands().front();
  return verb;
}

// "nxm data check"
std::string words_to(const CLI::App& verb) {
  const CLI::App* parent = verb.get_parent();
  return parent == nullptr ? verb.get_name() : fmt::format("{} {}", words_to(*parent), verb.get_name());
}

// " (did you mean '--out'?)" for a flag, or for a verb where one is expected.
std::string nearest_name(const CLI::App& verb, const std::string& word) {
  std::vector<std::string> names;
  if (word.starts_with('-')) {
    for (const CLI::Option* option : verb.get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  } else {
    for (const CLI::App* sub : verb.get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(sub->get_name());
    }
  }
  return did_you_mean(word.substr(0, word.find('=')), std::vector<std::string_view>(names.begin(), names.end()));
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

// A path or a name that is empty is a shell variable that was not set.
std::string not_empty(const std::string& value) { return value.empty() ? "expected a value, got an empty one" : ""; }

}  // namespace

Option Option::required() {
  option_->required();
  return *this;
}

Option Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option Option::within(int64_t lowest, int64_t most) {
  option_->check(CLI::Range(lowest, most));
  return *this;
}

Option Option::within_real(double lowest, double most) {
  const auto number = [](const std::string& text) {
    return text.find("nan") == std::string::npos ? "" : "expected a number";
  };
  option_->check(number)->check(CLI::Range(lowest, most));
  return *this;
}

Option Option::one_of(std::vector<std::string> words) {
  option_->check(CLI::IsMember(std::move(words)));
  return *this;
}

Option Option::excludes(Option other) {
  option_->excludes(other.option_);
  return *this;
}

Verb Verb::add(const std::string& name, const std::string& help) { return Verb(app_->add_subcommand(name, help)); }

Verb Verb::add_group(const std::string& name, const std::string& help) {
  CLI::App* group = app_->add_subcommand(name, help);
  group->require_subcommand(1);
  return Verb(group);
}

Option Verb::option(const std::string& name, std::string& value, const std::string& help) {
  return Option(app_->add_option(name, value, help)->check(not_empty));
}

Option Verb::option(const std::string& name, std::vector<std::string>& value, const std::string& help) {
  return Option(app_->add_option(name, value, help)->allow_extra_args(!name.starts_with('-'))->check(not_empty));
}

Option Verb::option(const std::string& name, int& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Verb::option(const std::string& name, int64_t& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Verb::option(const std::string& name, double& value, const std::string& help) {
  return Option(app_->add_option(name, value, help));
}

Option Verb::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}

void Verb::footer(const std::string& text) { app_->footer(text); }

void Verb::take_anything() { app_->allow_extras(); }

void Verb::run(std::function<void()> command) { app_->callback(std::move(command)); }

std::string run_command_line(int argc, char** argv, const std::string& description, void (*add_verbs)(Verb)) {
  CLI::App app{description, "nxm"};
  app.set_version_flag("--version", "nxm " NXM_VERSION);
  app.require_subcommand(1);
  add_verbs(Verb(&app));
  const auto problem = [&app](const CLI::ParseError& error) {
    return fmt::format("{}\nTry `{} --help`.", usage_problem(app, error), words_to(*named_verb(app)));
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    if (!app.remaining().empty()) return problem(help);  // help on what there is not
    app.exit(help);
  } catch (const CLI::ParseError& error) {
    return problem(error);
  }
  return "";
}

}  // namespace nxm::cli
