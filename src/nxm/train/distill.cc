// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/distill.h"

#include "nxm/core/error.h"
#include "nxm/train/evaluate.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

constexpr int64_t kTeacherBatch = 32;  // as in evaluation

// Mean over the student's layers of the mean squared distance.
at::Tensor layer_distance(const std::vector<at::Tensor>& student, const std::vector<at::Tensor>& teacher,
                          const std::vector<int64_t>& layers) {
  at::Tensor sum;
  for (size_t i = 0; i < student.size(); ++i) {
    const at::Tensor& theirs = teacher[static_cast<size_t>(layers[i])];
    const at::Tensor distance = at::mse_loss(student[i].to(at::kFloat), theirs.to(at::kFloat));
    sum = sum.defined() ? sum + distance : distance;
  }
  return sum / static_cast<double>(student.size());
}

void check_vocabulary(const StageSpec& stage, const Tokenizer& teacher, const Tokenizer& student,
                      const std::string& folder) {
  const int32_t size = student.vocab_size();
  if (teacher.vocab_size() != size) {
    fail(folder,
         "is the teacher of stage '{}' and has {} tokens where the student has {}; a teacher needs the student's "
         "vocabulary",
         stage.name, teacher.vocab_size(), size);
  }
  for (int32_t id = 0; id < size; ++id) {
    if (teacher.id_to_token(id) == student.id_to_token(id)) continue;
    fail(folder,
         "is the teacher of stage '{}', and its token {} is '{}' where the student's is '{}'; a teacher needs the "
         "student's vocabulary",
         stage.name, id, teacher.id_to_token(id), student.id_to_token(id));
  }
}

}  // namespace

at::Tensor logit_loss(const at::Tensor& student, const at::Tensor& teacher, TaskKind kind, double temperature) {
  if (kind == TaskKind::kRegression) return at::mse_loss(student, teacher);
  const at::Tensor from = at::log_softmax(student / temperature, 1);
  const at::Tensor to = at::log_softmax(teacher / temperature, 1);
  return (to.exp() * (to - from)).sum(1).mean() * (temperature * temperature);
}

std::vector<int64_t> layer_map(const std::vector<int64_t>& layers, int64_t student, int64_t teacher,
                               std::string_view where) {
  std::vector<int64_t> map;
  if (!layers.empty() && static_cast<int64_t>(layers.size()) != student) {
    fail_usage(where, "layers names {} of the teacher's layers; expected one for each of the student's {}",
               layers.size(), student);
  }
  for (int64_t i = 0; i < student; ++i) {
    const int64_t layer = layers.empty() ? ((i + 1) * teacher + student - 1) / student : layers[static_cast<size_t>(i)];
    if (layer < 1 || layer > teacher)
      fail_usage(where, "layers names layer {}; the teacher has 1 to {}", layer, teacher);
    map.push_back(layer - 1);
  }
  return map;
}

void check_teacher(const StageSpec& stage, const ModelDir& teacher, const ModelConfig& student,
                   const Tokenizer& tokenizer) {
  const std::string folder = teacher.folder().string();
  const ModelConfig& config = teacher.config();
  const bool values = config.labels.size() <= 1 && student.labels.size() == 1;  // of a regression; they have no names
  if (config.labels != student.labels && !values) {
    fail(folder, "is the teacher of stage '{}' and answers with the labels [{}], but the task's are [{}]. {}",
         stage.name, fmt::join(config.labels, ", "), fmt::join(student.labels, ", "),
         "If only the names differ, correct id2label in its config.json");
  }
  if (config.max_position_embeddings < stage.max_length) {
    fail(folder, "is the teacher of stage '{}' and has {} positions; max_length is {}", stage.name,
         config.max_position_embeddings, stage.max_length);
  }
  check_vocabulary(stage, Tokenizer::load(teacher.folder()), tokenizer, folder);
  if (stage.hidden > 0 && config.hidden_size != student.hidden_size) {
    fail(folder, "is the teacher of stage '{}': hidden states are {} wide, the student's {}; set hidden = 0",
         stage.name, config.hidden_size, student.hidden_size);
  }
  if (stage.attention > 0 && config.num_attention_heads != student.num_attention_heads) {
    fail(folder, "is the teacher of stage '{}': {} attention heads, the student has {}; set attention = 0", stage.name,
         config.num_attention_heads, student.num_attention_heads);
  }
  layer_map(stage.layers, student.num_hidden_layers, config.num_hidden_layers, fmt::format("stage '{}'", stage.name));
}

Teacher::Teacher(const StageSpec& stage, const Task& task, const ModelDir& folder, const Bert& student,
                 const Dataset& train, const Compute& compute, std::map<std::string, at::Tensor>& cache)
    : stage_(stage), kind_(task.kind), compute_(compute) {
  auto model = std::make_unique<Bert>(folder.config(), compute.device);
  load_weights(*model, folder, 0);
  at::Tensor& logits = cache[fmt::format("{} {}", folder.folder().string(), stage.max_length)];
  if (!logits.defined()) {
    const std::vector<float> values = dataset_logits(*model, train, kTeacherBatch, compute);
    logits = at::tensor(values).view({train.size(), -1}).to(compute.device);
  }
  logits_ = logits;
  if (stage.hidden <= 0 && stage.attention <= 0) return;
  layers_ = layer_map(stage.layers, student.config().num_hidden_layers, folder.config().num_hidden_layers,
                      fmt::format("stage '{}'", stage.name));
  model_ = std::move(model);
}

Teacher::~Teacher() = default;

at::Tensor Teacher::loss(const at::Tensor& task, const at::Tensor& logits, const BertTrace& trace, const Batch& batch,
                         const BertInput& input) const {
  const at::Tensor rows = at::tensor(batch.examples, at::kLong).to(logits_.device());
  at::Tensor sum = stage_.alpha * task +
                   (1 - stage_.alpha) * logit_loss(logits, logits_.index_select(0, rows), kind_, stage_.temperature);
  if (!needs_trace()) return sum;
  BertTrace theirs;
  {
    at::NoGradGuard no_gradient;
    static_cast<void>(model_->forward(input, /*training=*/false, &theirs));
  }
  if (stage_.hidden > 0) sum = sum + stage_.hidden * layer_distance(trace.hidden, theirs.hidden, layers_);
  if (stage_.attention > 0) sum = sum + stage_.attention * layer_distance(trace.scores, theirs.scores, layers_);
  return sum;
}

}  // namespace nxm
