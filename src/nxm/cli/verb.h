// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a verb says to CLI11: its options, its help, what it runs. CLI11 itself is read by verb.cc alone, for its
// headers take longer to compile than any verb.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace nxm::cli {

/// One option of a verb; a handle, cheap to copy. Values that break a rule end the program with exit code 2.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option required();
  Option show_default();                        ///< the value that the variable has now, in --help
  Option within(int64_t lowest, int64_t most);  ///< both included
  Option within_real(double lowest, double most);
  Option one_of(std::vector<std::string> words);
  Option excludes(Option other);

 private:
  CLI::Option* option_;
};

/// A verb, `nxm` itself or one under it; a handle, cheap to copy.
class Verb {
 public:
  explicit Verb(CLI::App* app) : app_(app) {}
  Verb add(const std::string& name, const std::string& help);        ///< a verb under this one
  Verb add_group(const std::string& name, const std::string& help);  ///< the same, and one of its own verbs must follow

  /// An option (`--out`) or, without dashes, a positional argument; its value goes to `value`, which must outlive the
  /// parsing. Into a vector: an option adds one value each time it is given, a positional takes all that come.
  Option option(const std::string& name, std::string& value, const std::string& help);
  Option option(const std::string& name, std::vector<std::string>& value, const std::string& help);
  Option option(const std::string& name, int& value, const std::string& help);
  Option option(const std::string& name, int64_t& value, const std::string& help);
  Option option(const std::string& name, double& value, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);

  void footer(const std::string& text);     ///< the end of --help
  void take_anything();                     ///< no argument is unknown
  void run(std::function<void()> command);  ///< what it does, after all arguments were read

 private:
  CLI::App* app_;
};

/// Reads the command line and runs the verb that it names, of those that `add_verbs` puts under `nxm`; prints what
/// --help and --version ask for. Returns what is wrong with the command line and where help is, or "". Throws what the
/// verb throws.
std::string run_command_line(int argc, char** argv, const std::string& description, void (*add_verbs)(Verb));

}  // namespace nxm::cli
