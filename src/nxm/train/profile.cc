// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/profile.h"

#include <array>
#include <chrono>
#include <string>
#include <unordered_map>

#include "nxm/core/error.h"
#include "nxm/train/torch.h"

namespace nxm {
namespace {

using Clock = std::chrono::steady_clock;

enum Part : uint8_t {
  kData,
  kMatmul,
  kAttention,
  kElementwise,
  kCopies,
  kEmbedding,
  kUpdate,
  kProjection,
  kEvaluation,
  kSaving,
  kRest,
  kParts
};

constexpr std::array<std::string_view, kParts> kNames{
    "data: batches",
    "matrix products",
    "attention",
    "GELU, LayerNorm, dropout, sums",
    "copies",
    "embeddings",
    "update: clipping, AdamW, pull",
    "projection and method",
    "evaluation",
    "saving",
    "the rest",
};

// Names as LibTorch records them; nxm:: are the trainer's own sections (stage.cc).
const std::unordered_map<std::string_view, Part> kPartOf{
    {"nxm::attention", kAttention},
    {"nxm::data", kData},
    {"nxm::elementwise", kElementwise},
    {"nxm::matmul", kMatmul},
    {"nxm::update", kUpdate},
    {"nxm::projection", kProjection},
    {"nxm::evaluation", kEvaluation},
    {"nxm::saving", kSaving},
    {"aten::mm", kMatmul},
    {"aten::addmm", kMatmul},
    {"aten::linear", kMatmul},
    {"aten::mkldnn_linear", kMatmul},
    {"aten::mkldnn_linear_backward", kMatmul},
    {"aten::bmm", kAttention},
    {"aten::baddbmm", kAttention},
    {"aten::_softmax", kAttention},
    {"aten::_softmax_backward_data", kAttention},
    {"aten::scaled_dot_product_attention", kAttention},
    {"aten::_scaled_dot_product_attention_math", kAttention},
    {"aten::_scaled_dot_product_flash_attention_for_cpu", kAttention},
    {"aten::_scaled_dot_product_flash_attention_for_cpu_backward", kAttention},
    {"aten::gelu", kElementwise},
    {"aten::gelu_backward", kElementwise},
    {"aten::tanh", kElementwise},
    {"aten::tanh_backward", kElementwise},
    {"aten::native_layer_norm", kElementwise},
    {"aten::native_layer_norm_backward", kElementwise},
    {"aten::native_dropout", kElementwise},
    {"aten::native_dropout_backward", kElementwise},
    {"aten::bernoulli_", kElementwise},
    {"aten::add", kElementwise},
    {"aten::add_", kElementwise},
    {"aten::mul", kElementwise},
    {"aten::div_", kElementwise},
    {"aten::sum", kElementwise},
    {"aten::copy_", kCopies},
    {"aten::cat", kCopies},
    {"aten::index_select", kCopies},
    {"aten::index_add_", kCopies},
    {"aten::clone", kCopies},
    {"aten::zero_", kCopies},
    {"aten::fill_", kCopies},
    {"aten::embedding", kEmbedding},
    {"aten::embedding_backward", kEmbedding},
    {"aten::embedding_dense_backward", kEmbedding},
    {"aten::embedding_sparse_backward", kEmbedding},
};

struct Open : at::ObserverContext {
  Clock::time_point start;
  double inner = 0;  // of what it called
  Part part = kRest;
  bool section = false;  // keeps what it calls
  Open* caller = nullptr;
};

// The thread that profiles; null on all others.
struct Recording {
  std::array<double, kParts> seconds{};
  Open* innermost = nullptr;
  Clock::time_point begun = Clock::now();
  at::CallbackHandle handle{};
};
thread_local Recording* recording = nullptr;

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction& function) {
  if (recording == nullptr) return nullptr;
  auto open = std::make_unique<Open>();
  open->caller = recording->innermost;
  const std::string_view name = function.name();
  if (open->caller != nullptr && open->caller->section) {
    open->part = open->caller->part;
    open->section = true;
  } else if (const auto found = kPartOf.find(name); found != kPartOf.end()) {
    open->part = found->second;
    open->section = name.starts_with("nxm::");
  } else if (open->caller != nullptr) {
    open->part = open->caller->part;  // a detail of what called it
  }
  recording->innermost = open.get();
  open->start = Clock::now();
  return open;
}

void leave(const at::RecordFunction& /*function*/, at::ObserverContext* context) {
  auto* open = static_cast<Open*>(context);
  if (open == nullptr || recording == nullptr) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - open->start).count();
  recording->seconds[open->part] += seconds - open->inner;
  recording->innermost = open->caller;
  if (open->caller != nullptr) open->caller->inner += seconds;
}

}  // namespace

Profile::Profile() {
  require(recording == nullptr, "Profile: there is one already");
  recording = new Recording;
  recording->handle = at::addThreadLocalCallback(
      at::RecordFunctionCallback(enter, leave)
          .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE}));
}

Profile::~Profile() {
  at::removeCallback(recording->handle);
  delete recording;
  recording = nullptr;
}

std::vector<ProfileRow> Profile::rows() const {
  std::array<double, kParts> seconds = recording->seconds;
  double named = 0;
  for (int part = 0; part < kRest; ++part) named += seconds[static_cast<size_t>(part)];
  seconds[kRest] = std::chrono::duration<double>(Clock::now() - recording->begun).count() - named;
  std::vector<ProfileRow> rows;
  for (size_t part = 0; part < kParts; ++part) rows.push_back({kNames[part], seconds[part]});
  return rows;
}

}  // namespace nxm
