// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "nxm/report/json_text.h"
#include "nxm/report/progress.h"
#include "nxm/report/results.h"
#include "nxm/report/table.h"

namespace nxm {
namespace {

// A YAML double-quoted scalar is a JSON string.
std::string quoted(const std::string& text) { return json_text(text); }

// "org/name", as the hub has it.
bool is_hub_name(const std::string& text) {
  return !text.starts_with('/') && std::ranges::count(text, '/') == 1 && !text.ends_with('/') && !text.starts_with('.');
}

// Hugging Face's model card metadata.
std::string front_matter(const std::string& model_name, const std::string& base_model, const std::string& task,
                         const StageResult& last) {
  std::string text = "---\nlibrary_name: transformers\npipeline_tag: text-classification\ntags:\n- nxm\n- sparse\n";
  if (is_hub_name(base_model)) text += fmt::format("base_model: {}\n", quoted(base_model));
  std::string metrics;
  for (const auto& [name, value] : last.metrics) {
    if (!std::isfinite(value)) continue;
    metrics += fmt::format("    - type: {}\n      value: {}\n", quoted(hugging_face_name(name)), value);
  }
  if (!metrics.empty()) {
    text += fmt::format(
        "model-index:\n- name: {}\n  results:\n  - task:\n      type: text-classification\n"
        "    dataset:\n      name: {}\n      type: {}\n      split: dev\n    metrics:\n{}",
        quoted(model_name), quoted(task), quoted(task), metrics);
  }
  return text + "---\n";
}

}  // namespace

std::string model_card(const std::string& model_name, const std::string& base_model, const std::string& task,
                       const std::vector<StageResult>& stages, const std::string& recipe_toml) {
  if (stages.empty()) return "";
  const StageResult& last = stages.back();
  std::vector<std::vector<std::string>> rows{{"stage", "method", "pattern", "score", "zeros", "time"}};
  for (const StageResult& stage : stages) {
    rows.push_back({stage.name, stage.method, stage.pattern.empty() ? "–" : stage.pattern,
                    fmt::format("{:.4f}", stage.score), fmt::format("{:.1f} %", 100 * stage.sparsity),
                    duration_text(stage.seconds)});
  }
  const std::string base = is_hub_name(base_model) ? base_model : std::filesystem::path(base_model).filename().string();
  const std::string what =
      last.pattern.empty()
          ? ""
          : fmt::format(" The linear layers of its encoder have the N:M pattern {} (keep:of).", last.pattern);
  const std::string body = fmt::format(
      R"(
# {0}

`{1}` fine-tuned on `{2}` with nxm.{3}

## Scores on the dev split, final weights

{4}
## Use

    nxm predict --model .
    nxm inspect .

It also loads in `transformers.AutoModelForSequenceClassification`.

## Recipe

```toml
{5}{6}```
)",
      model_name, base, task, what, markdown_table(rows), recipe_toml, recipe_toml.ends_with('\n') ? "" : "\n");
  return front_matter(model_name, base_model, task, last) + body;
}

}  // namespace nxm
