// SPDX-License-Identifier: Apache-2.0
// For the Python tests of report:
//   nxm_report_tool events FOLDER < "tag step value" lines   writes TensorBoard events
//   nxm_report_tool card NAME BASE TASK < JSON               writes the model card of a list of stages to stdout
//   nxm_report_tool results < JSON                           writes all_results.json of it (100 and 50 rows)
//   nxm_report_tool bar                                      draws a progress bar for a second on stderr

#include <chrono>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>

#include "nxm/report/json_text.h"
#include "nxm/report/progress.h"
#include "nxm/report/results.h"
#include "nxm/report/tensorboard.h"

namespace {

std::vector<nxm::StageResult> read_stages() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  std::vector<nxm::StageResult> stages;
  for (const nxm::Json& stage : nxm::parse_json(text, "stdin")) {
    stages.push_back(nxm::stage_result_from_json(stage, "stdin"));
  }
  return stages;
}

void write_events(const std::string& folder) {
  nxm::TensorBoardWriter writer(folder);
  std::string tag, value;  // operator>> reads no "nan"
  for (int64_t step = 0; std::cin >> tag >> step >> value;) writer.scalar(tag, std::stod(value), step);
  writer.flush();
}

void draw_bar() {
  nxm::Progress progress("admm 2/4", 200, nxm::Progress::detect());
  for (int step = 1; step <= 200; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    progress.update(step, step * 1500, 1.0 / step);
    if (step == 100) progress.note("epoch 1: accuracy 0.8");
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string verb = count > 1 ? arguments[1] : "";
  if (verb == "events" && count == 3) {
    write_events(arguments[2]);
  } else if (verb == "card" && count == 5) {
    std::cout << nxm::model_card(arguments[2], arguments[3], arguments[4], read_stages(), "seed = 1\n");
  } else if (verb == "results") {
    std::cout << nxm::json_text(nxm::all_results_json(read_stages(), 100, 50));
  } else if (verb == "bar") {
    draw_bar();
  } else {
    return 2;
  }
}
