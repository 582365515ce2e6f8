// SPDX-License-Identifier: Apache-2.0
// `nxm predict`: an answer for each line of input, in order, in constant memory.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <system_error>

#include "nxm/cli/engine.h"
#include "nxm/cli/options.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/data/answer.h"
#include "nxm/data/requests.h"
#include "nxm/infer/session.h"
#include "nxm/io/json_fields.h"

namespace nxm::cli {
namespace {

struct PredictFlags {
  ModelOptions model;
  RunOptions run;
  std::string input = "-";
  bool pair = false, json = false, unbuffered = false;
};

// Lines held at once: some batches, so that texts of like length can run together. The answers do not depend on when
// the lines arrive, only on what they are, because a chunk is filled before it runs. A person at a terminal, and who
// asks for it, is answered line by line.
constexpr int64_t kChunkBatches = 8;

struct Chunk {
  Examples examples;
  std::vector<std::string> places;
  std::exception_ptr error;  ///< of the line behind them
};

bool read_chunk(Requests& requests, size_t lines, Chunk& chunk) {
  chunk.examples.rows.clear();
  chunk.places.clear();
  try {
    while (chunk.places.size() < lines) {
      auto request = requests.next();
      if (!request) break;
      chunk.examples.rows.push_back(std::move(*request));
      chunk.places.push_back(requests.place());
    }
  } catch (const Error&) {
    chunk.error = std::current_exception();
  }
  return !chunk.places.empty() || chunk.error;
}

std::string answer_line(std::span<const float> logits, const std::vector<std::string>& labels, const std::string& place,
                        bool json) {
  const Answer answer = answer_of(logits, labels, place);
  if (!json) {
    std::string label(answer.label);  // of whatever characters: an answer stays one line of two columns
    std::ranges::replace_if(
        label, [](unsigned char c) { return c < 0x20; }, ' ');
    return fmt::format("{}\t{:.6f}\n", label, answer.score);
  }
  const OrderedJson line{
      {"label", answer.label}, {"score", answer.score}, {"logits", std::vector<float>(logits.begin(), logits.end())}};
  return line.dump() + '\n';
}

void predict(const PredictFlags& flags) {
  const auto folder = model_folder(flags.model.model);
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(nullptr, std::fclose);
  std::FILE* input = stdin;
  if (flags.input != "-") {
    file.reset(std::fopen(flags.input.c_str(), "rbe"));
    if (!file) fail(flags.input, "cannot open: {}", std::generic_category().message(errno));
    input = file.get();
  }
  ThreadPool pool(flags.run.threads > 0 ? flags.run.threads : available_threads());
  const auto model = load_engine(folder, flags.run);
  const auto max_length = static_cast<size_t>(length_for(model->config(), flags.model.max_length));

  const bool line_by_line = flags.unbuffered || isatty(fileno(input)) != 0;
  const auto lines = static_cast<size_t>(line_by_line ? 1 : kChunkBatches * flags.run.batch);
  const size_t outputs = model->config().labels.size();
  Requests requests(input, flags.input == "-" ? "stdin" : flags.input, flags.pair);
  for (Chunk chunk; read_chunk(requests, lines, chunk);) {
    const Dataset data = tokenize(chunk.examples, model->tokenizer(), max_length, &pool);
    const std::vector<float> logits = model->logits(data, flags.run.batch);
    for (size_t i = 0; i < chunk.places.size(); ++i) {
      const auto row = std::span(logits).subspan(i * outputs, outputs);
      fmt::print("{}", answer_line(row, model->config().labels, chunk.places[i], flags.json));
    }
    if (std::fflush(stdout) != 0) throw std::system_error(errno, std::generic_category(), "cannot write to stdout");
    if (chunk.error) std::rethrow_exception(chunk.error);
  }
}

}  // namespace

void add_predict(Verb app) {
  auto flags = std::make_shared<PredictFlags>();
  Verb verb = app.add("predict", "Label and score for each line of text");
  verb.option("FILE", flags->input, "Input, - for standard input").show_default();
  flags->model.add_to(verb).required();
  verb.flag("--pair", flags->pair, "Each line must hold two texts with a tab between them");
  flags->run.add_to(verb);
  verb.flag("--json", flags->json, "Print an object a line: label, score, logits");
  verb.flag("--unbuffered", flags->unbuffered, "Answer each line as it comes, for a program that waits for it");
  verb.footer(
      "A line is a text, two texts with a tab between them, or, if the first line begins with '{', a JSON object\n"
      "{\"text\": …, \"text_pair\": …}. Each gives one line: the label and its probability (regression: the value).\n\n"
      "Example:\n  echo 'A film to remember.' | nxm predict --model runs/sst2/model");
  verb.run([flags] { predict(*flags); });
}

}  // namespace nxm::cli
