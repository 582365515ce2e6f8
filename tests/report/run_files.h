// SPDX-License-Identifier: Apache-2.0
#pragma once
// A run's folder as `nxm finetune` leaves it, for tests of those who read it.

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "nxm/io/atomic_file.h"

namespace nxm::testing {

inline std::string recipe_toml(int seed, double rho = 0.001) {
  return fmt::format(
      "seed = {}\nkeep_stages = true\n[model]\npath = \"/nowhere\"\n[task]\nname = \"mrpc\"\ndata = \"/nowhere\"\n"
      "[[stage]]\nmethod = \"dense\"\n[[stage]]\nmethod = \"admm\"\nrho = {}\n",
      seed, rho);
}

inline std::string results_json(double dense, double admm) {
  constexpr std::string_view kStage =
      R"({{"index":{0},"name":"{1}","method":"{1}","pattern":"{2}","metrics":{{"accuracy":{3},"f1":{3}}},"score":{3},)"
      R"("sparsity":{4},"seconds":{5},"tokens_per_second":99.5}})";
  return fmt::format(R"({{"eval_samples":1,"stages":[{},{}]}})", fmt::format(kStage, 0, "dense", "", dense, 0, 10.5),
                     fmt::format(kStage, 1, "admm", "2:4", admm, 0.5, 20.25));
}

inline std::string score_line(std::string_view stage, double epoch, std::string_view of, double score) {
  return fmt::format(
      R"({{"kind":"score","stage":"{0}","step":9,"epoch":{1},"of":"{2}","metrics":{{"accuracy":{3},"f1":{3}}},"score":{3}}})"
      "\n",
      stage, epoch, of, score);
}

inline std::string log_text(double dense, double admm) {
  std::string text;
  for (const char* stage : {"dense", "admm"}) {
    for (int step = 10; step <= 50; step += 10)
      text += fmt::format("{{\"kind\":\"step\",\"stage\":\"{}\",\"step\":{},\"loss\":{}}}\n", stage, step, 5.0 / step);
  }
  for (int step = 10; step <= 50; step += 10) {
    text += fmt::format(
        R"({{"kind":"admm","stage":"admm","step":{0},"primal":{1},"dual":{1},"mask_moved":0,"mask_moved_from_first":{1}}})"
        "\n",
        step, 0.5 / step);
  }
  text += score_line("dense", 1, "final", dense) + score_line("admm", 1, "dense", admm + 0.01) +
          score_line("admm", 1, "pruned", admm - 0.01) + score_line("admm", 2, "final", admm);
  return text;
}

/// A whole run with these scores.
inline void write_run(const std::filesystem::path& folder, int seed = 1, double rho = 0.001, double dense = 0.8,
                      double admm = 0.75) {
  std::filesystem::create_directories(folder);
  write_file(folder / "recipe.toml", recipe_toml(seed, rho));
  write_file(folder / "run.jsonl", log_text(dense, admm));
  write_file(folder / "all_results.json", results_json(dense, admm));
}

}  // namespace nxm::testing
