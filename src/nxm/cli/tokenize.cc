// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/data/records.h"
#include "nxm/io/input_file.h"
#include "nxm/text/tokenizer.h"

namespace nxm::cli {
namespace {

struct Options {
  std::string model;
  int64_t max_length = 0;
  bool pair = false;
  bool json = false;
};

void append_number(uint32_t number, std::string& out) {
  const fmt::format_int digits(number);
  out.append(digits.data(), digits.size());
}

void append_list(const std::vector<int32_t>& numbers, std::string& out) {
  for (const int32_t number : numbers) {
    if (out.back() != '[') out += ',';
    append_number(static_cast<uint32_t>(number), out);
  }
}

void append_json(const Encoding& encoding, std::string& out) {
  out += "{\"ids\":[";
  append_list(encoding.ids, out);
  out += "],\"type_ids\":[";
  append_list(encoding.type_ids, out);
  out += "],\"offsets\":[";
  for (const auto& [start, end] : encoding.offsets) {
    out += out.back() == '[' ? "[" : ",[";
    append_number(start, out);
    out += ',';
    append_number(end, out);
    out += ']';
  }
  out += "]}\n";
}

void append_tokens(const Encoding& encoding, const Tokenizer& tokenizer, std::string& out) {
  const char* space = "";
  for (const int32_t id : encoding.ids) {
    out += space;
    out += tokenizer.id_to_token(id);
    space = " ";
  }
  out += '\n';
}

// Reads a line, without its end. Bounded, as input may be endless, and without end of line.
bool read_line(size_t number, std::string& line) {
  line.clear();
  int c = 0;
  while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
    if (line.size() == kMaxRecord) {
      fail("stdin", "line {}: over {} bytes; expected one text a line", number, kMaxRecord);
    }
    line.push_back(static_cast<char>(c));
  }
  if (std::ferror(stdin) != 0) fail_errno("stdin", "read it", errno);
  return c != EOF || !line.empty();
}

void tokenize(const Options& options) {
  const Tokenizer tokenizer = Tokenizer::load(options.model);
  Encoding encoding;
  std::string line, out;
  for (size_t number = 1; read_line(number, line); ++number) {
    std::string_view first = line;
    std::optional<std::string_view> second;
    if (options.pair) {
      const size_t tab = first.find('\t');
      if (tab == std::string_view::npos) {
        fail("stdin",
             "line {}: expected two texts with a tab between them, found no tab. Leave out --pair for single texts",
             number);
      }
      second = first.substr(tab + 1);
      first = first.substr(0, tab);
    }
    tokenizer.encode(first, second, static_cast<size_t>(options.max_length), encoding);
    out.clear();
    if (options.json) {
      append_json(encoding, out);
    } else {
      append_tokens(encoding, tokenizer, out);
    }
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size()) {
      throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
    }
  }
}

}  // namespace

void add_tokenize(Verb app) {
  Verb verb = app.add("tokenize", "Show the tokens of each line of standard input");
  const auto options = std::make_shared<Options>();
  verb.option("--model", options->model, "Model folder with tokenizer.json or vocab.txt").required();
  verb.option("--max-length", options->max_length, "Cut each line to so many tokens, special ones included")
      .within(1, 1 << 20);
  verb.flag("--pair", options->pair, "Each line holds two texts with a tab between them");
  verb.flag("--json", options->json, "One object a line: ids, type_ids, offsets in bytes");
  verb.footer("Example:\n  echo 'A film to remember.' | nxm tokenize --model out/model --json");
  verb.run([options] { tokenize(*options); });
}

}  // namespace nxm::cli
