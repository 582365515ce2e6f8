// SPDX-License-Identifier: Apache-2.0
#include "nxm/recipe/keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "nxm/core/suggest.h"
#include "nxm/recipe/defaults.h"

namespace nxm {
namespace {

using Words = std::vector<std::string_view>;

bool is_device(std::string_view text) {
  if (text == "auto" || text == "cpu" || text == "cuda") return true;
  if (!text.starts_with("cuda:")) return false;
  const std::string_view number = text.substr(5);
  return !number.empty() && number.size() <= 3 && number.find_first_not_of("0123456789") == std::string_view::npos;
}

// A stage's name is a folder's name (stages/<name>), and a number would be taken for a position by --set.
bool is_stage_name(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(kPlain) == std::string_view::npos &&
         text.find_first_not_of(kDigits) != std::string_view::npos;
}

bool is_interval(std::string_view text) { return parse_interval(text, 1).has_value(); }

template <typename Row>
Words names_of(std::span<const Row> rows) {
  Words names;
  for (const Row& row : rows) names.push_back(row.name);
  return names;
}

constexpr Key<Recipe> kTop[] = {
    {.name = "seed", .field = &Recipe::seed, .doc = "fixes data order, initialisation and dropout", .max = 0x1p53},
    {.name = "precision",
     .field = &Recipe::precision,
     .doc = "of matrix products; weights and optimiser are fp32 always. auto: bf16 where the machine is fast at it",
     .choices =
         [] {
           return Words{"auto", "fp32", "bf16"};
         }},
    {.name = "device",
     .field = &Recipe::device,
     .doc = "where to train; auto: the first GPU if there is one",
     .valid = is_device,
     .expected = "auto, cpu, cuda or cuda:N"},
    {.name = "threads", .field = &Recipe::threads, .doc = "0: as many as the machine allows", .max = 1024},
    {.name = "checkpoint_every",
     .field = &Recipe::checkpoint_every,
     .doc = "steps between checkpoints; 0: at the end of each epoch",
     .max = 1e9},
    {.name = "keep_stages", .field = &Recipe::keep_stages, .doc = "keep each stage's model under stages/NAME/"},
};

constexpr Key<Recipe> kModel[] = {
    {.name = "path", .field = &Recipe::model, .doc = "model directory, or org/name on the hub"},
};

constexpr Key<TaskSpec> kTask[] = {
    {.name = "name", .field = &TaskSpec::name, .doc = "a known task, or any name for a task described here"},
    {.name = "data", .field = &TaskSpec::data, .doc = "folder of the task's files"},
    {.name = "limit",
     .field = &TaskSpec::limit,
     .doc = "at most this many training rows (a seeded choice); 0: all",
     .max = 1e12},
    {.name = "kind",
     .field = &TaskSpec::kind,
     .doc = "what is predicted: one of the labels, or a number",
     .use = Use::kDescribed,
     .choices =
         [] {
           return Words{"classification", "regression"};
         }},
    {.name = "train", .field = &TaskSpec::train, .doc = "training rows, a file in `data`", .use = Use::kDescribed},
    {.name = "dev", .field = &TaskSpec::dev, .doc = "rows to score on", .use = Use::kDescribed},
    {.name = "test",
     .field = &TaskSpec::test,
     .doc = "a further file to score on, if there is one",
     .use = Use::kDescribed},
    {.name = "text",
     .field = &TaskSpec::text,
     .doc = "one column, or two for pairs: names, or 0-based numbers where files have no header",
     .use = Use::kDescribed,
     .or_number = true},
    {.name = "label",
     .field = &TaskSpec::label,
     .doc = "column of the label",
     .use = Use::kDescribed,
     .or_number = true},
    {.name = "labels",
     .field = &TaskSpec::labels,
     .doc = "classification: every label, as in the files, in order of id",
     .use = Use::kDescribed,
     .or_number = true},
    {.name = "metrics",
     .field = &TaskSpec::metrics,
     .doc = "the score is their mean. Default: the known task's; else accuracy, or pearson and spearman",
     .choices = [] { return Words{"accuracy", "f1", "macro_f1", "matthews", "pearson", "spearman"}; }},
    {.name = "class_weights",
     .field = &TaskSpec::class_weights,
     .doc = "weight of each label in the loss",
     .max = 1e6,
     .above_min = true},
    {.name = "format",
     .field = &TaskSpec::format,
     .doc = "of the files. Default: by the ending of `train`",
     .use = Use::kDescribed,
     .choices =
         [] {
           return Words{"tsv", "csv", "jsonl"};
         }},
    {.name = "header",
     .field = &TaskSpec::header,
     .doc = "first line names the columns. Default: true, unless columns are given by number",
     .use = Use::kDescribed},
};

constexpr Key<StageSpec> kStage[] = {
    {.name = "method",
     .field = &StageSpec::method,
     .doc = "what the stage does (the only key without a default)",
     .choices = [] { return names_of(method_defaults()); }},
    {.name = "name",
     .field = &StageSpec::name,
     .doc = "for tables, folders and `from`. Default: the method",
     .valid = is_stage_name,
     .expected = "letters, digits, '_' and '-', not a number, at most 64"},
    {.name = "from",
     .field = &StageSpec::from,
     .doc =
         "stage whose result this one starts from; \"\": the model itself. Default: the nearest dense or permute stage "
         "above; for dense and masked the stage above",
     .valid = [](std::string_view text) { return text.empty() || is_stage_name(text); },
     .expected = "the name of a stage above, or \"\""},
    {.name = "epochs",
     .field = &StageSpec::epochs,
     .doc = "passes over the training rows; may be fractional",
     .use = Use::kTrained,
     .max = 10000,
     .above_min = true},
    {.name = "lr",
     .field = &StageSpec::lr,
     .doc = "peak learning rate",
     .use = Use::kTrained,
     .max = 1,
     .above_min = true},
    {.name = "batch", .field = &StageSpec::batch, .doc = "rows a step", .min = 1, .max = 65536},
    {.name = "warmup",
     .field = &StageSpec::warmup,
     .doc = "below 1: share of the steps; else steps. Then the rate falls linearly to 0. Default: 0.1; admm: by preset",
     .use = Use::kTrained,
     .max = 1e9},
    {.name = "weight_decay",
     .field = &StageSpec::weight_decay,
     .doc = "decoupled; not on biases and LayerNorm",
     .use = Use::kTrained,
     .max = 10},
    {.name = "clip",
     .field = &StageSpec::clip,
     .doc = "largest norm of the gradient; 0: no clipping",
     .use = Use::kTrained,
     .max = 1e9},
    {.name = "max_length",
     .field = &StageSpec::max_length,
     .doc = "tokens a row; longer ones are cut",
     .min = 3,
     .max = 65536},
    {.name = "best",
     .field = &StageSpec::best,
     .doc = "keep the epoch with the best dev score, not the last",
     .use = Use::kTrained},
    {.name = "teacher",
     .field = &StageSpec::teacher,
     .doc = "distil from this: the name of a stage above, a model directory or org/name on the hub; \"\": from nothing",
     .use = Use::kTrained,
     .valid = [](std::string_view) { return true; }},
    {.name = "alpha",
     .field = &StageSpec::alpha,
     .doc = "weight of the labels' loss; the rest is that of the teacher's logits",
     .use = Use::kTaught,
     .max = 1},
    {.name = "temperature",
     .field = &StageSpec::temperature,
     .doc = "of the teacher's and the student's softmax (classification)",
     .use = Use::kTaught,
     .max = 1000,
     .above_min = true},
    {.name = "hidden",
     .field = &StageSpec::hidden,
     .doc = "weight of the mean squared distance between the teacher's hidden states and the student's",
     .use = Use::kTaught,
     .max = 1e6},
    {.name = "attention",
     .field = &StageSpec::attention,
     .doc = "weight of the mean squared distance between attention scores before their softmax",
     .use = Use::kTaught,
     .max = 1e6},
    {.name = "layers",
     .field = &StageSpec::layers,
     .doc = "the teacher's layer, from 1, for each of the student's. Default: evenly spaced, the last to the last",
     .use = Use::kTaught,
     .min = 1,
     .max = 1000},
    {.name = "pattern",
     .field = &StageSpec::pattern,
     .doc = "keep:of along the inputs; 2:4x2: two rows share a choice",
     .use = Use::kSparse,
     .expected = "keep:of with 1 <= keep < of <= 64, as \"2:4\""},
    {.name = "criterion",
     .field = &StageSpec::criterion,
     .doc =
         "what the first mask goes by. magnitude: |w|; wanda: |w| times its input's norm; alps: least change of each "
         "layer's output, the kept weights refitted. permute: the same as wanda. Default: magnitude; admm: by preset",
     .use = Use::kFirstMask,
     .choices =
         [] {
           return Words{"magnitude", "wanda", "alps"};
         }},
    {.name = "calibration",
     .field = &StageSpec::calibration,
     .doc = "training rows that wanda and alps look at",
     .use = Use::kFirstMask,
     .min = 1,
     .max = 1e9},
    {.name = "preset",
     .field = &StageSpec::preset,
     .doc = "sets the defaults of the keys below. Default: converge",
     .use = Use::kAdmm,
     .choices = [] { return names_of(preset_defaults()); }},
    {.name = "rho",
     .field = &StageSpec::rho,
     .doc = "penalty weight of the pull through the gradient; 0: none",
     .use = Use::kAdmm,
     .max = 1e6},
    {.name = "rho_schedule",
     .field = &StageSpec::rho_schedule,
     .doc = "linear: from 0 to rho over the stage; balanced: from rho on, doubled or halved until the residuals are "
            "alike, and in the second half doubled until the weights are near their sparse copies",
     .use = Use::kAdmm,
     .choices =
         [] {
           return Words{"constant", "linear", "balanced"};
         }},
    {.name = "pull",
     .field = &StageSpec::pull,
     .doc = "sum over the stage of the pull outside the gradient; 0: none",
     .use = Use::kAdmm,
     .max = 1e6},
    {.name = "dual",
     .field = &StageSpec::dual,
     .doc = "factor on the dual variable; 1: ADMM, 0: a proximal pull",
     .use = Use::kAdmm,
     .max = 2},
    {.name = "every",
     .field = &StageSpec::every,
     .doc = "how often the mask and the dual variable follow the weights",
     .use = Use::kMoving,
     .or_number = true,
     .valid = is_interval,
     .expected = "\"epoch\", a share of one as \"0.25 epoch\", or steps as \"100\""},
    {.name = "settle",
     .field = &StageSpec::settle,
     .doc = "share of the stage, at its end, in which the mask is frozen and only the kept weights train",
     .use = Use::kMoving,
     .max = 0.95},
    {.name = "lambda",
     .field = &StageSpec::lambda,
     .doc = "decay of the weights that the forward pass leaves out, through the gradient",
     .use = Use::kSrSte,
     .max = 1e6},
};

/// Spellings of Hugging Face's trainer and examples.
constexpr struct {
  std::string_view theirs, section, ours;
} kForeign[] = {
    {"learning_rate", "stage", "lr"},
    {"num_train_epochs", "stage", "epochs"},
    {"num_epochs", "stage", "epochs"},
    {"per_device_train_batch_size", "stage", "batch"},
    {"train_batch_size", "stage", "batch"},
    {"batch_size", "stage", "batch"},
    {"warmup_steps", "stage", "warmup"},
    {"warmup_ratio", "stage", "warmup"},
    {"max_grad_norm", "stage", "clip"},
    {"max_seq_length", "stage", "max_length"},
    {"max_seq_len", "stage", "max_length"},
    {"load_best_model_at_end", "stage", "best"},
    {"metric_for_best_model", "stage", "best"},
    {"model_name_or_path", "model", "path"},
    {"task_name", "task", "name"},
    {"data_dir", "task", "data"},
    {"max_train_samples", "task", "limit"},
    {"train_file", "task", "train"},
    {"validation_file", "task", "dev"},
    {"test_file", "task", "test"},
    {"text_column_names", "task", "text"},
    {"label_column_name", "task", "label"},
    {"metric_name", "task", "metrics"},
    {"bf16", "", "precision"},
    {"fp16", "", "precision"},
    {"use_cpu", "", "device"},
    {"no_cuda", "", "device"},
    {"save_steps", "", "checkpoint_every"},
};

}  // namespace

std::span<const Key<Recipe>> top_keys() { return kTop; }
std::span<const Key<Recipe>> model_keys() { return kModel; }
std::span<const Key<TaskSpec>> task_keys() { return kTask; }
std::span<const Key<StageSpec>> stage_keys() { return kStage; }

std::vector<std::string_view> key_names(std::string_view section) {
  if (section == "model") return names_of(model_keys());
  if (section == "task") return names_of(task_keys());
  if (section == "stage") return names_of(stage_keys());
  return names_of(top_keys());
}

std::string section_title(std::string_view section) {
  if (section.empty()) return "the top level";
  return section == "stage" ? "[[stage]]" : fmt::format("[{}]", section);
}

std::string suggest_key(std::string_view section, std::string_view key) {
  const auto in = [&](std::string_view other) {
    return other == section ? std::string() : " in " + section_title(other);
  };
  for (const std::string_view other : kSections) {
    if (other != section && std::ranges::count(key_names(other), key) > 0) {
      return fmt::format(" (it belongs in {})", section_title(other));
    }
  }
  for (const auto& foreign : kForeign) {
    if (foreign.theirs == key) return fmt::format(" (did you mean '{}'{}?)", foreign.ours, in(foreign.section));
  }
  Words names = key_names(section);
  if (section.empty()) names.insert(names.end(), std::begin(kSections) + 1, std::end(kSections));
  const std::string nearest = did_you_mean(key, names);
  return nearest.empty() ? fmt::format("; there are {}", quoted_list(names)) : nearest;
}

bool concerns(Use use, const StageSpec& stage) {
  const MethodDefaults* method = find_method_defaults(stage.method);
  switch (use) {
    case Use::kTrained:
      return method->epochs > 0;
    case Use::kTaught:
      return method->epochs > 0 && !stage.teacher.empty();
    case Use::kSparse:
      return method->sparse || is_admm(stage.method) || stage.method == "permute";
    case Use::kFirstMask:
      return stage.method == "permute" || stage.method == "oneshot" || stage.method == "asp" || stage.method == "admm";
    case Use::kAdmm:
      return is_admm(stage.method);
    case Use::kMoving:
      return is_admm(stage.method) || stage.method == "gradual";
    case Use::kSrSte:
      return stage.method == "sr-ste";
    default:
      return true;
  }
}

}  // namespace nxm
