// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/pack_model.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <set>

#include "nxm/core/error.h"
#include "nxm/core/packed.h"
#include "nxm/io/packed_weights.h"
#include "nxm/io/write_model.h"

namespace nxm {
namespace {

namespace fs = std::filesystem;

bool leads_into(const fs::path& inner, const fs::path& outer) {
  const fs::path a = fs::weakly_canonical(inner), b = fs::weakly_canonical(outer);
  return std::mismatch(b.begin(), b.end(), a.begin(), a.end()).first == b.end();
}

void check_output(const ModelDir& dir, const fs::path& to, bool force) {
  const std::string where = to.string();
  if (fs::exists(to) && !fs::is_directory(to)) fail(where, "expected a folder, found a file. Choose another --out");
  if (leads_into(to, dir.folder())) {
    fail(where, "is the model's folder {} or lies in it. Choose another --out", dir.folder().string());
  }
  if (!fs::exists(to) || fs::is_empty(to)) return;
  const bool model = fs::exists(to / kConfigFile) && (fs::exists(to / kWeightsFile) || fs::exists(to / kIndexFile));
  if (!model) fail(where, "expected an empty or new folder, found files that are not a model's. Choose another --out");
  if (!force) {
    fail(where, "expected an empty or new folder, found a model. Choose another --out, or replace it by --force");
  }
}

/// Tensors to be written, and their bytes.
class Tensors {
 public:
  void add(std::string name, DType dtype, std::vector<int64_t> shape, std::vector<std::byte> bytes) {
    bytes_.push_back(std::move(bytes));
    tensors_.push_back({std::move(name), dtype, std::move(shape), bytes_.back()});
  }
  [[nodiscard]] const std::vector<TensorToWrite>& list() const { return tensors_; }

 private:
  std::deque<std::vector<std::byte>> bytes_;  // do not move
  std::vector<TensorToWrite> tensors_;
};

std::vector<float> read_values(const ModelDir& dir, const std::string& name) {
  std::vector<float> values(static_cast<size_t>(dir.info(name).elements()));
  dir.read_f32(name, values);
  return values;
}

std::vector<std::byte> bytes_of(const std::string& name, std::span<const float> values, DType dtype) {
  const auto bytes = std::as_bytes(values);
  if (!all_finite(values)) fail(name, "holds NaN or infinite values. The model is damaged; train it again");
  if (dtype == DType::kF32) return {bytes.begin(), bytes.end()};
  std::vector<std::byte> narrow(values.size() * sizeof(uint16_t));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = f32_to_bf16(values[i]);
    if (!std::isfinite(bf16_to_f32(bits))) {
      fail(name, "{} is no finite number in BF16. The model is damaged; train it again", values[i]);
    }
    std::memcpy(narrow.data() + i * sizeof(bits), &bits, sizeof(bits));
  }
  return narrow;
}

/// A matrix of config.json's shape, else Error.
MatrixView<const float> as_matrix(const ModelDir& dir, const std::string& name, const std::vector<int64_t>& expected,
                                  std::span<const float> values) {
  const std::vector<int64_t>& shape = dir.info(name).shape;
  if (shape != expected) {
    fail(dir.folder().string(), "tensor '{}': expected shape {} by config.json, found {}. Fetch the model again", name,
         shape_text(expected), shape_text(shape));
  }
  return {values.data(), shape[0], shape[1]};
}

double largest_error(MatrixView<const float> weight, const Packed& packed) {
  std::vector<float> stored(weight.flat().size());
  unpack(packed.view(), {stored.data(), weight.rows, weight.cols});
  double largest = 0;
  for (size_t i = 0; i < stored.size(); ++i) {
    largest = std::max(largest, std::fabs(double{stored[i]} - double{weight.data[i]}));
  }
  return largest;
}

void add_parts(Tensors& tensors, const PackedInfo& info, const std::string& weight, const Packed& packed) {
  const auto scales = std::as_bytes(std::span(packed.scales));
  const std::vector<std::byte> bytes[] = {packed.values, packed.indices, {scales.begin(), scales.end()}};
  size_t i = 0;
  for (const PackedPart& part : packed_parts(info, weight, packed.rows, packed.cols)) {
    tensors.add(part.name, part.dtype, part.shape, bytes[i++]);
  }
}

PackedLayer pack_layer(const ModelDir& dir, const PackedInfo& info, const std::string& name,
                       const std::vector<int64_t>& shape, Tensors& tensors) {
  const std::vector<float> values = read_values(dir, name);
  const MatrixView<const float> weight = as_matrix(dir, name, shape, values);
  const Packed packed = pack(weight, info.pattern, info.dtype, fmt::format("{}: {}", dir.folder().string(), name));
  add_parts(tensors, info, name, packed);
  const size_t bytes = packed.values.size() + packed.indices.size() + packed.scales.size() * sizeof(float);
  return {name, weight.rows, weight.cols, dir.info(name).bytes(), bytes, largest_error(weight, packed)};
}

/// Writes the model into `to`. One that is there stays whole until the new one is on disk.
void write_model(const fs::path& to, const ModelConfig& config, const Tensors& tensors,
                 const fs::path& tokenizer_from) {
  struct Beside {
    explicit Beside(const fs::path& folder) : path(folder / fmt::format("new.{}.tmp", ::getpid())) {}
    Beside(const Beside&) = delete;
    Beside& operator=(const Beside&) = delete;
    ~Beside() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
    fs::path path;
  };
  const Beside beside(to);
  write_model_files(beside.path, config, tensors.list(), tokenizer_from);
  replace_model_files(beside.path, to);
}

}  // namespace

std::vector<PackedLayer> pack_model_dir(const ModelDir& dir, const Pattern& pattern, DType dtype, const fs::path& to,
                                        bool force) {
  check_output(dir, to, force);
  const PackedInfo info{1, pattern, dtype, sparsified_names(dir.config())};
  const auto shapes = expected_tensors(dir.config());
  Tensors tensors;
  std::vector<PackedLayer> layers;
  for (const std::string& name : info.layers) layers.push_back(pack_layer(dir, info, name, shapes.at(name), tensors));
  const std::set<std::string_view> packed(info.layers.begin(), info.layers.end());
  for (const std::string& name : dir.names()) {
    if (packed.contains(name)) continue;
    const bool table = name.starts_with("bert.embeddings.") && name.ends_with("_embeddings.weight");
    const DType stored = table && dtype != DType::kF32 ? DType::kBF16 : DType::kF32;
    tensors.add(name, stored, dir.info(name).shape, bytes_of(name, read_values(dir, name), stored));
  }
  ModelConfig config = dir.config();
  config.extra["nxm"] = info.to_json();
  write_model(to, config, tensors, dir.folder());
  return layers;
}

std::vector<PackedLayer> unpack_model_dir(const ModelDir& dir, const fs::path& to, bool force) {
  check_output(dir, to, force);
  if (!dir.packed()) {
    fail(dir.folder().string(), "expected packed weights, found none: config.json has no $.nxm.layers. {}",
         "This model is dense already");
  }
  Tensors tensors;
  std::vector<PackedLayer> layers;
  for (const std::string& name : dir.names()) {
    tensors.add(name, DType::kF32, dir.info(name).shape, bytes_of(name, read_values(dir, name), DType::kF32));
  }
  for (const std::string& name : dir.packed()->layers) {
    const TensorInfo& info = dir.info(name);
    const auto bytes = static_cast<uint64_t>(info.elements()) * sizeof(float);
    layers.push_back({name, info.shape[0], info.shape[1], info.bytes(), bytes, 0});
  }
  ModelConfig config = dir.config();
  config.extra["nxm"] = {{"pattern", dir.packed()->pattern.str()}};
  write_model(to, config, tensors, dir.folder());
  return layers;
}

}  // namespace nxm
