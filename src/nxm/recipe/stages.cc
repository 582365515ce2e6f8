// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/stages.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/recipe/defaults.h"

namespace nxm {
namespace {

const StageSpec* find_stage(const std::vector<StageSpec>& stages, std::string_view name) {
  const auto found = std::ranges::find(stages, name, &StageSpec::name);
  return found == stages.end() ? nullptr : &*found;
}

std::string default_from(const StageSpec& stage, const std::vector<StageSpec>& above) {
  if (above.empty()) return "";
  if (!find_method_defaults(stage.method)->after_dense) return above.back().name;
  const auto dense = std::find_if(above.rbegin(), above.rend(),
                                  [](const StageSpec& s) { return s.method == "dense" || s.method == "permute"; });
  return dense == above.rend() ? "" : dense->name;
}

void check_from(const StageDraft& draft, const std::vector<StageSpec>& above, const std::vector<StageDraft>& all) {
  const std::string& from = draft.spec.from;
  if (from.empty() || find_stage(above, from) != nullptr) return;
  if (std::ranges::any_of(all, [&](const StageDraft& d) { return d.spec.name == from; })) {
    fail_usage(draft.where, "stage '{}' starts from '{}', which is not above it; move it down", draft.spec.name, from);
  }
  std::vector<std::string_view> names;
  names.reserve(above.size());
  for (const StageSpec& stage : above) names.push_back(stage.name);
  fail_usage(draft.where, "stage '{}' starts from '{}', and no stage has that name{}; above it: {}", draft.spec.name,
             from, did_you_mean(from, names), names.empty() ? "none" : quoted_list(names));
}

// A masked stage goes on with the mask of the stage it starts from.
void check_mask(StageDraft& draft, const std::vector<StageSpec>& above) {
  StageSpec& stage = draft.spec;
  const StageSpec* parent = find_stage(above, stage.from);
  if (parent == nullptr || !find_method_defaults(parent->method)->sparse) {
    fail_usage(
        draft.where,
        "stage '{}' keeps the mask of the stage it starts from, but {} has none; put an oneshot, asp or admm stage "
        "before it, or name one with from = \"…\"",
        stage.name,
        parent == nullptr ? "the model itself" : fmt::format("{} stage '{}'", parent->method, parent->name));
  }
  if (draft.has_pattern && stage.pattern != parent->pattern) {
    fail_usage(draft.where, "stage '{}' keeps the mask of '{}', which is {}, not {}; leave 'pattern' out", stage.name,
               parent->name, parent->pattern.str(), stage.pattern.str());
  }
  stage.pattern = parent->pattern;
}

}  // namespace

std::vector<std::string> stage_names(const std::vector<std::string>& methods, const std::vector<std::string>& given) {
  std::vector<std::string> names = given;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!names[i].empty()) continue;
    std::string name = methods[i];
    for (int n = 2; std::ranges::count(names, name) > 0; ++n) name = fmt::format("{}-{}", methods[i], n);
    names[i] = name;
  }
  return names;
}

bool is_stage_above(const std::vector<StageSpec>& stages, size_t index, std::string_view name) {
  return std::any_of(stages.begin(), stages.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const StageSpec& stage) { return stage.name == name; });
}

std::vector<StageSpec> link_stages(std::vector<StageDraft> drafts) {
  std::vector<std::string> methods, given;
  for (const StageDraft& draft : drafts) {
    if (!draft.spec.name.empty() && std::ranges::count(given, draft.spec.name) > 0) {
      fail_usage(draft.where, "two stages have the name '{}'; give one of them another", draft.spec.name);
    }
    methods.push_back(draft.spec.method);
    given.push_back(draft.spec.name);
  }
  const std::vector<std::string> names = stage_names(methods, given);
  for (size_t i = 0; i < drafts.size(); ++i) drafts[i].spec.name = names[i];

  std::vector<StageSpec> stages;
  for (StageDraft& draft : drafts) {
    StageSpec& stage = draft.spec;
    if (!draft.has_from) stage.from = default_from(stage, stages);
    check_from(draft, stages, drafts);
    if (stage.method == "masked") check_mask(draft, stages);
    if (is_admm(stage.method) && stage.rho <= 0 && stage.pull <= 0) {
      fail_usage(draft.where,
                 "stage '{}' has rho = 0 and pull = 0, so nothing pulls the weights into the pattern; set one",
                 stage.name);
    }
    if (is_admm(stage.method) && stage.rho_schedule == "balanced" && stage.rho <= 0) {
      fail_usage(draft.where, "stage '{}' balances rho from rho = 0 on, which stays 0; set rho, 1e-3 say", stage.name);
    }
    stages.push_back(stage);
  }
  return stages;
}

}  // namespace nxm
