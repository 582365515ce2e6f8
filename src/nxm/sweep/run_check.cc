// SPDX-License-Identifier: Apache-2.0
#include "nxm/sweep/run_check.h"

#include <limits>
#include <optional>
#include <system_error>

#include "nxm/core/error.h"
#include "nxm/io/input_file.h"
#include "nxm/io/json_fields.h"
#include "nxm/io/model_dir.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxResults = size_t{16} << 20;  // a hundred stages have some 30 kB

bool holds_nothing(const fs::path& folder) {
  if (!fs::exists(fs::symlink_status(folder))) return true;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != ".lock" && entry.path().extension() != ".tmp") return false;
  }
  return true;
}

StageResult read_stage(const Json& value, const StageSpec& spec, const std::string& where) {
  constexpr double kAny = std::numeric_limits<double>::max();
  const JsonFields fields(value, where);
  StageResult result;
  result.index = fields.integer("index", 0, std::numeric_limits<int64_t>::max());
  result.name = fields.string("name");
  result.method = fields.string("method");
  result.pattern = fields.string("pattern");
  if (result.name != spec.name || result.method != spec.method) {
    fail(where, "holds {} stage '{}' where the recipe has {} stage '{}'", result.method, result.name, spec.method,
         spec.name);
  }
  const JsonFields metrics = fields.object("metrics");
  for (const auto& [name, metric] : metrics.raw().items()) {
    result.metrics.emplace_back(name, metrics.number(name, -kAny, kAny));
  }
  result.score = fields.number("score", -1, 1);
  result.sparsity = fields.number("sparsity", 0, 1);
  result.seconds = fields.number("seconds", 0, kAny);
  result.tokens_per_second = fields.number("tokens_per_second", 0, kAny);
  return result;
}

std::vector<StageResult> read_results(const fs::path& path, const Recipe& recipe) {
  const std::string where = path.string();
  const Json json = parse_json(read_file(path, kMaxResults), where);
  const Json& list = JsonFields(json, where).array("stages");
  if (list.size() != recipe.stages.size()) {
    fail(where, "holds {} stages, but the recipe has {}", list.size(), recipe.stages.size());
  }
  std::vector<StageResult> stages;
  for (size_t i = 0; i < list.size(); ++i) stages.push_back(read_stage(list[i], recipe.stages[i], where));
  return stages;
}

RunCheck check(const fs::path& folder, const Recipe& recipe) {
  if (holds_nothing(folder)) return {};
  const fs::path written = folder / "recipe.toml";
  if (!fs::exists(written)) fail(folder.string(), "holds files, but no recipe.toml");
  const std::vector<std::string> differences = recipe_differences(Recipe::load(written), recipe);
  if (!differences.empty()) {
    fail(written.string(), "is not the recipe that the sweep asks for: {}", fmt::join(differences, "; "));
  }
  if (!fs::exists(folder / "all_results.json")) return {RunState::kBegun, "", {}};
  RunCheck done{RunState::kDone, "", read_results(folder / "all_results.json", recipe)};
  (void)ModelDir(folder / "model");  // throws if its files are cut short or do not fit one another
  const fs::path tokenizer = folder / "model" / "tokenizer.json";
  if (!fs::exists(tokenizer) || fs::file_size(tokenizer) == 0) fail(tokenizer.string(), "is missing or empty");
  return done;
}

}  // namespace

std::string_view name_of(RunState state) {
  switch (state) {
    case RunState::kNew:
      return "new";
    case RunState::kBegun:
      return "begun";
    case RunState::kDone:
      return "done";
    case RunState::kDamaged:
      return "damaged";
  }
  return "";
}

void remove_unfinished_files(const fs::path& folder) {
  if (!fs::is_directory(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".tmp") fs::remove(entry.path());
  }
}

RunCheck check_run(const fs::path& folder, const Recipe& recipe) {
  try {
    return check(folder, recipe);
  } catch (const Error& error) {
    return {RunState::kDamaged, error.what(), {}};
  } catch (const fs::filesystem_error& error) {
    return {RunState::kDamaged, error.what(), {}};
  }
}

}  // namespace nxm
