// SPDX-License-Identifier: Apache-2.0
// `nxm sweep`: one recipe in many variants, some at a time, and a table of what came of it.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "nxm/cli/machine.h"
#include "nxm/cli/stop_signal.h"
#include "nxm/cli/sweep_view.h"
#include "nxm/cli/torch_info.h"
#include "nxm/cli/verbs.h"
#include "nxm/core/error.h"
#include "nxm/core/memory.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/hub.h"
#include "nxm/report/json_text.h"
#include "nxm/report/progress.h"
#include "nxm/report/table.h"
#include "nxm/sweep/export.h"
#include "nxm/sweep/memory_need.h"
#include "nxm/sweep/run_check.h"
#include "nxm/sweep/summary_text.h"
#include "nxm/sweep/sweep_folder.h"

namespace nxm::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFile = size_t{1} << 20;  // of a sweep file

struct SweepFlags {
  std::string file, out, exported;
  std::vector<std::string> set;
  int jobs = 0;
  bool dry_run = false, json = false;
};

struct Sweep {
  std::string text;
  SweepFile file;
  std::vector<Job> jobs;
  SweepPaths paths;
  std::vector<RunCheck> checks;  // of each job

  explicit Sweep(const SweepFlags& flags)
      : text(read_file(flags.file, kMaxFile)),
        file(SweepFile::parse(text, flags.file)),
        jobs(make_jobs(file, flags.set)),
        paths(fs::absolute(flags.out).lexically_normal()) {}

  void look() {
    checks.clear();
    for (const Job& job : jobs) checks.push_back(check_run(paths.run(job), job.recipe));
  }
  [[nodiscard]] size_t count(RunState state) const {
    return static_cast<size_t>(std::ranges::count(checks, state, &RunCheck::state));
  }
};

fs::path this_program() { return fs::read_symlink("/proc/self/exe"); }

// What one run needs of the memory; 0 if its model is not here yet.
uint64_t need_of(const Recipe& recipe) {
  return fs::is_directory(recipe.model) ? memory_need(ModelDir(recipe.model), recipe) : 0;
}

// The runs that are not done yet.
std::vector<Work> work_of(const Sweep& sweep) {
  const fs::path program = this_program();
  std::vector<Work> work;
  for (size_t i = 0; i < sweep.jobs.size(); ++i) {
    if (sweep.checks[i].state != RunState::kNew && sweep.checks[i].state != RunState::kBegun) continue;
    const Job& job = sweep.jobs[i];
    const fs::path run = sweep.paths.run(job);
    work.push_back({job.name,
                    {program, "finetune", sweep.paths.recipe(job), "--out", run, "--resume"},
                    sweep.paths.log(job),
                    run / ".lock",
                    need_of(job.recipe)});
  }
  return work;
}

int most_threads(const std::vector<Job>& jobs) {
  int most = 1;
  for (const Job& job : jobs)
    most = std::max(most, job.recipe.threads == 0 ? thread_budget().threads : job.recipe.threads);
  return most;
}

// Runs that share a GPU share its memory too, which is not known here: one at a time, unless --jobs says otherwise.
bool may_use_gpu(const Recipe& recipe) {
  return recipe.device.starts_with("cuda") || (recipe.device == "auto" && fs::exists("/dev/nvidiactl"));
}

int default_jobs(const std::vector<Job>& jobs) {
  if (std::ranges::any_of(jobs, [](const Job& job) { return may_use_gpu(job.recipe); })) return 1;
  return std::max(1, thread_budget().threads / most_threads(jobs));
}

// Whether `nxm finetune` trains: in this program, or in an nxm-train beside it.
bool can_train() { return torch_info().has_value() || fs::exists(this_program().parent_path() / "nxm-train"); }

void run(Sweep& sweep, int jobs) {
  if (!can_train()) {
    fail_usage("sweep", "this nxm was built without training; build it with -DNXM_BUILD_TRAIN=ON. {}",
               "--dry-run and --export work all the same");
  }
  // Fetched once, before several runs want it.
  for (const Job& job : sweep.jobs) (void)resolve_model(job.recipe.model, HubOptions::from_environment());
  const std::vector<Work> work = work_of(sweep);
  jobs = std::min(jobs, static_cast<int>(work.size()));
  fmt::print(stderr, "{} runs, {} done; {} at a time\n", sweep.jobs.size(), sweep.count(RunState::kDone), jobs);
  catch_stop_signals();
  run_all(work, {jobs, stop_signal, [] { return available_memory(); }},
          sweep_view(work, sweep.count(RunState::kDone), jobs));
  sweep.look();
}

OrderedJson to_json(const Sweep& sweep, const Summary& summary) {
  OrderedJson runs = OrderedJson::array();
  for (size_t i = 0; i < sweep.jobs.size(); ++i) {
    OrderedJson combination = OrderedJson::object();
    for (size_t a = 0; a < sweep.file.axes.size(); ++a) combination[sweep.file.axes[a].name] = sweep.jobs[i].labels[a];
    OrderedJson one = {{"name", sweep.jobs[i].name},
                       {"combination", combination},
                       {"state", name_of(sweep.checks[i].state)},
                       {"folder", sweep.paths.run(sweep.jobs[i]).string()}};
    if (!sweep.checks[i].problem.empty()) one["problem"] = sweep.checks[i].problem;
    one["stages"] = run_json(sweep.checks[i].stages, "")["stages"];
    runs.push_back(std::move(one));
  }
  return {{"recipe", sweep.file.recipe.string()},
          {"baseline", baseline_name(sweep.file)},
          {"done", sweep.count(RunState::kDone)},
          {"runs", runs},
          {"rows", summary_json(summary)}};
}

// Damaged runs by name and reason; each makes the exit code 1.
void tell_damaged(const Sweep& sweep) {
  for (size_t i = 0; i < sweep.jobs.size(); ++i) {
    if (sweep.checks[i].state != RunState::kDamaged) continue;
    fmt::print(stderr, "nxm: run {} is damaged and does not count: {}. Remove {} to run it again\n", sweep.jobs[i].name,
               sweep.checks[i].problem, sweep.paths.run(sweep.jobs[i]).string());
    exit_code = 1;
  }
}

void print_plan(const Sweep& sweep, const SweepFlags& flags) {
  if (flags.json) {
    fmt::print("{}\n", json_text(to_json(sweep, {})));
    return;
  }
  for (size_t i = 0; i < sweep.jobs.size(); ++i) {
    fmt::print("{:8} {}\n", name_of(sweep.checks[i].state), sweep.jobs[i].name);
  }
  const uint64_t need = need_of(sweep.jobs.front().recipe);
  fmt::print(stderr, "{} runs, {} done; {} at a time{}\n", sweep.jobs.size(), sweep.count(RunState::kDone),
             flags.jobs > 0 ? flags.jobs : default_jobs(sweep.jobs),
             need == 0 ? "" : fmt::format(", each in some {}", size_text(static_cast<double>(need))));
}

void print_export(const Sweep& sweep, const SweepFlags& flags) {
  const std::vector<Work> work = work_of(sweep);
  uint64_t memory = 0;
  for (const Work& one : work) memory = std::max(memory, one.memory);
  const std::string name = "nxm-" + sweep.paths.path().filename().string();
  fmt::print("{}", flags.exported == "slurm" ? slurm_script(work, name, most_threads(sweep.jobs), memory)
                                             : parallel_list(work));
  fmt::print(stderr, "{} commands; {} of {} runs are done. The same sweep without --export makes the table\n",
             work.size(), sweep.count(RunState::kDone), sweep.jobs.size());
}

void finish(const Sweep& sweep, bool json) {
  std::vector<std::vector<StageResult>> results;
  for (const RunCheck& check : sweep.checks) results.push_back(check.stages);
  const Summary summary = summarise(sweep.file, sweep.jobs, results);
  const OrderedJson all = to_json(sweep, summary);
  const size_t done = sweep.count(RunState::kDone), runs = sweep.jobs.size();
  const std::string table = text_table(summary_table(summary));
  const fs::path& folder = sweep.paths.path();
  if (done == 0) {
    for (const char* name : {"results.csv", "results.json", "results.md"})
      fs::remove(folder / name);  // of runs no more
  } else {
    write_file(folder / "results.csv", summary_csv(summary));
    write_file(folder / "results.json", json_text(all, 2) + "\n");
    write_file(folder / "results.md", fmt::format("{}\n{}\n\n{} of {} runs.\n", markdown_table(summary_table(summary)),
                                                  summary_note(summary), done, runs));
  }
  if (json) {
    fmt::print("{}\n", json_text(all));
  } else if (done > 0) {
    fmt::print("{}\n{}\n", table, summary_note(summary));
  }
  if (done == runs) return;
  tell_damaged(sweep);
  fmt::print(
      stderr, "nxm: {} of {} runs are done; {}\n", done, runs,
      stop_signal() != 0 ? "stopped, everything is saved. The same command goes on" : "the table holds no others");
  exit_code = stop_signal() != 0 ? 128 + stop_signal() : 1;
}

void sweep(const SweepFlags& flags) {
  Sweep sweep(flags);
  if (flags.dry_run) {
    const std::vector<std::string> lines = sweep_differences(sweep.paths, sweep.jobs);
    if (!lines.empty()) fail_usage(flags.out, "was made by another sweep:\n  {}", fmt::join(lines, "\n  "));
    sweep.look();
    print_plan(sweep, flags);
    return tell_damaged(sweep);
  }
  const SweepFolder claim(sweep.paths, sweep.text, sweep.jobs);
  sweep.look();
  if (!flags.exported.empty()) {
    print_export(sweep, flags);
    return tell_damaged(sweep);
  }
  if (sweep.count(RunState::kNew) + sweep.count(RunState::kBegun) > 0) {
    run(sweep, flags.jobs > 0 ? flags.jobs : default_jobs(sweep.jobs));
  }
  finish(sweep, flags.json);
}

}  // namespace

void add_sweep(Verb app) {
  auto flags = std::make_shared<SweepFlags>();
  Verb verb = app.add("sweep", "Carry out a recipe in many variants and compare its stages");
  verb.option("sweep", flags->file, "Sweep file (TOML): a recipe and the axes to vary (docs/sweep.md)").required();
  verb.option("--out", flags->out, "Folder of this sweep; one that was stopped goes on").required();
  verb.option("--jobs", flags->jobs, "Runs at a time (default: usable cores / threads of a run)").within(1, 4096);
  verb.option("--set", flags->set, "Override a key of the recipe in every run");
  const Option dry = verb.flag("--dry-run", flags->dry_run, "List the runs and what there is of them; run nothing");
  verb.option("--export", flags->exported, "Print the runs that are left for slurm or parallel; run nothing")
      .one_of({"slurm", "parallel"})
      .excludes(dry);
  verb.flag("--json", flags->json, "Print one JSON object");
  verb.footer(
      "Runs that are done are skipped; a run whose folder is damaged is named and not counted (exit code 1).\n\n"
      "Example:\n  nxm sweep recipes/sweeps/demo.toml --out runs/sweep --jobs 2\n");
  verb.run([flags] { sweep(*flags); });
}

}  // namespace nxm::cli
