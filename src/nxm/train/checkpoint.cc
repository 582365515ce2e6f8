// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/checkpoint.h"

#include <algorithm>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/safetensors.h"
#include "nxm/train/weights.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVersion = 2;
constexpr const char* kTensors = "tensors.safetensors";
constexpr const char* kState = "state.json";
constexpr const char* kSums = "SHA256SUMS";
constexpr std::string_view kUnfinished = ".tmp";

struct TypePair {
  at::ScalarType torch;
  DType stored;
};
constexpr TypePair kTypes[] = {{at::kFloat, DType::kF32}, {at::kByte, DType::kU8}, {at::kLong, DType::kI64}};

std::vector<fs::path> whole_checkpoints(const fs::path& run) {
  std::vector<fs::path> found;
  if (!fs::is_directory(run / "checkpoints")) return found;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    if (!entry.path().native().ends_with(kUnfinished)) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

// Names sort as the checkpoints came: "0002-00000120", then, for the same step once more, "0002-00000120-0001".
fs::path next_folder(const fs::path& run, const RunState& state, const std::vector<fs::path>& before) {
  const fs::path first = run / "checkpoints" / fmt::format("{:04}-{:08}", state.stage, state.step);
  fs::path folder = first;
  for (int again = 1; !before.empty() && before.back() >= folder && again < 10000; ++again) {
    folder = fmt::format("{}-{:04}", first.string(), again);
  }
  return folder;
}

void write_tensors(const fs::path& path, const TensorMap& tensors) {
  std::vector<at::Tensor> keep;
  std::vector<TensorToWrite> out;
  for (const auto& [name, tensor] : tensors) {
    keep.push_back(on_cpu(tensor));
    const auto* type = std::ranges::find(kTypes, tensor.scalar_type(), &TypePair::torch);
    require(type != std::end(kTypes), "checkpoint tensor of a type that is not stored: " + name);
    out.push_back({name, type->stored, tensor.sizes().vec(), bytes_of(keep.back())});
  }
  write_safetensors(path, std::move(out));
}

// The line that `sha256sum` prints for a file of a checkpoint.
std::string sum_of(const fs::path& folder, const char* name) {
  return fmt::format("{}  {}\n", sha256_of_file(folder / name), name);
}

TensorMap read_tensors(const fs::path& path) {
  TensorMap tensors;
  const SafetensorsFile file(path);
  for (const auto& [name, info] : file.tensors()) {
    const auto* type = std::ranges::find(kTypes, info.dtype, &TypePair::stored);
    if (type == std::end(kTypes))
      fail(path.string(), "tensor '{}' has type {}, which no checkpoint holds", name, name_of(info.dtype));
    at::Tensor tensor = at::empty(info.shape, type->torch);
    file.read(name, {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()});
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

}  // namespace

void save_checkpoint(const fs::path& run, const RunState& state) {
  const std::vector<fs::path> before = whole_checkpoints(run);
  const fs::path folder = next_folder(run, state, before);
  const fs::path unfinished = folder.string() + std::string(kUnfinished);
  fs::remove_all(unfinished);
  fs::create_directories(unfinished);
  write_tensors(unfinished / kTensors, state.tensors);

  Json results = Json::array();
  for (const StageResult& result : state.results) results.push_back(Json::parse(to_json(result).dump()));
  const Json json{{"version", kVersion},
                  {"stage", state.stage},
                  {"step", state.step},
                  {"log_bytes", state.log_bytes},
                  {"loss_sum", state.loss_sum},
                  {"loss_count", state.loss_count},
                  {"train_seconds", state.train_seconds},
                  {"seconds", state.seconds},
                  {"tokens", state.tokens},
                  {"best_score", state.best_score},
                  {"results", results}};
  write_file(unfinished / kState, json.dump(1) + "\n");
  write_file(unfinished / kSums, sum_of(unfinished, kState) + sum_of(unfinished, kTensors));
  sync_folder(unfinished);
  rename_durably(unfinished, folder);
  for (const fs::path& old : before) fs::remove_all(old);
}

std::optional<RunState> load_checkpoint(const fs::path& run) {
  if (fs::is_directory(run / "checkpoints")) {
    for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
      if (entry.path().native().ends_with(kUnfinished)) fs::remove_all(entry.path());
    }
  }
  const std::vector<fs::path> found = whole_checkpoints(run);
  if (found.empty()) return std::nullopt;
  const fs::path& folder = found.back();
  const std::string where = (folder / kState).string();
  const std::string sums = read_file(folder / kSums);
  for (const char* name : {kState, kTensors}) {
    if (sums.find(sum_of(folder, name)) == std::string::npos) {
      fail((folder / name).string(),
           "the SHA-256 is not that in {}. The checkpoint is damaged: start afresh with --force", kSums);
    }
  }
  constexpr double kAny = std::numeric_limits<double>::max();
  constexpr int64_t kMany = std::numeric_limits<int64_t>::max();
  const Json json = parse_json(read_file(folder / kState), where);
  const JsonFields fields(json, where);
  (void)fields.integer("version", kVersion, kVersion);
  RunState state;
  state.stage = fields.integer("stage", 0, kMany);
  state.step = fields.integer("step", 0, kMany);
  state.log_bytes = static_cast<uint64_t>(fields.integer("log_bytes", 0, kMany));
  state.loss_sum = fields.number("loss_sum", -kAny, kAny);
  state.loss_count = fields.integer("loss_count", 0, kMany);
  state.train_seconds = fields.number("train_seconds", 0, kAny);
  state.seconds = fields.number("seconds", 0, kAny);
  state.tokens = fields.integer("tokens", 0, kMany);
  state.best_score = fields.number("best_score", -kAny, kAny);
  for (const Json& result : fields.array("results")) state.results.push_back(stage_result_from_json(result, where));
  state.tensors = read_tensors(folder / kTensors);
  return state;
}

std::string newest_checkpoint(const fs::path& run) {
  const std::vector<fs::path> found = whole_checkpoints(run);
  return found.empty() ? "none" : found.back().string();
}

}  // namespace nxm
