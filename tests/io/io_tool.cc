// SPDX-License-Identifier: Apache-2.0
// nxm's readers and writers for the Python tests of this folder, one JSON object a line:
//   check | configs          for each path on stdin: {"ok": …} or {"error": text}
//   list FILE | expected CONFIG | copy IN OUT | model IN OUT [BYTES of a shard]
#include <fmt/format.h>

#include <cstring>
#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "nxm/core/error.h"
#include "nxm/io/atomic_file.h"
#include "nxm/io/model_dir.h"
#include "nxm/io/write_model.h"

namespace nxm {
namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Json list(const std::string& path) {
  const SafetensorsFile file(path);
  Json result = {{"metadata", file.metadata()}, {"tensors", Json::object()}};
  for (const auto& [name, info] : file.tensors()) {
    std::vector<std::byte> bytes(info.bytes());
    file.read(name, bytes);
    Json& entry =
        result["tensors"][name] = {{"dtype", name_of(info.dtype)}, {"shape", info.shape}, {"begin", info.begin}};
    entry["sha256"] = sha256(text_of(bytes));
    if (entry["dtype"].get_ref<const std::string&>().find('F') == std::string::npos) continue;
    std::vector<float> values(static_cast<size_t>(info.elements()));
    file.read_f32(name, values);
    entry["f32"] = sha256(text_of(std::as_bytes(std::span(values))));
  }
  return result;
}

Json copy(const std::string& in, const std::string& out) {
  const SafetensorsFile file(in);
  std::deque<std::vector<std::byte>> data;
  std::vector<TensorToWrite> tensors;
  for (const auto& [name, info] : file.tensors()) {
    file.read(name, data.emplace_back(info.bytes()));
    tensors.push_back({name, info.dtype, info.shape, data.back()});
  }
  write_safetensors(out, tensors, file.metadata());
  return tensors.size();
}

Json model(const std::string& in, const std::string& out, uint64_t shard_bytes = kShardBytes) {
  const ModelDir source(in);
  std::deque<std::vector<float>> data;
  std::vector<TensorToWrite> tensors;
  Json made = Json::array();
  for (const auto& [name, shape] : expected_tensors(source.config())) {
    size_t count = 1;
    for (const int64_t dimension : shape) count *= static_cast<size_t>(dimension);
    data.emplace_back(count, 0.5F);
    if (source.has(name)) {
      source.read_f32(name, data.back());
    } else {
      made.push_back(name);
    }
    tensors.push_back({name, DType::kF32, shape, std::as_bytes(std::span(data.back()))});
  }
  write_model_dir(out, source.config(), tensors, in, shard_bytes);
  return {{"made", made}, {"names", source.names()}};
}

Json answer(const std::function<Json()>& action) {
  try {
    return {{"ok", action()}};
  } catch (const Error& error) {
    return {{"error", error.what()}};
  }
}

void each_line(const std::function<Json(const std::string&)>& action) {
  for (std::string line; std::getline(std::cin, line);) std::cout << answer([&] { return action(line); }) << std::endl;
}

int run(const std::vector<std::string>& args) {
  if (args == std::vector<std::string>{"check"}) {
    each_line([](const std::string& path) { return Json(SafetensorsFile(path).tensors().size()); });
  } else if (args == std::vector<std::string>{"configs"}) {
    each_line([](const std::string& path) { return Json(ModelConfig::parse(read_file(path), path).to_json()); });
  } else if (args.size() == 2 && args[0] == "list") {
    std::cout << answer([&] { return list(args[1]); }) << "\n";
  } else if (args.size() == 2 && args[0] == "expected") {
    std::cout << answer([&] { return Json(expected_tensors(ModelConfig::parse(read_file(args[1]), args[1]))); })
              << "\n";
  } else if (args.size() == 3 && args[0] == "copy") {
    std::cout << answer([&] { return copy(args[1], args[2]); }) << "\n";
  } else if (args.size() == 3 && args[0] == "model") {
    std::cout << answer([&] { return model(args[1], args[2]); }) << "\n";
  } else if (args.size() == 4 && args[0] == "model") {
    std::cout << answer([&] { return model(args[1], args[2], std::stoull(args[3])); }) << "\n";
  } else {
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace nxm

int main(int argc, char** argv) { return nxm::run({argv + 1, argv + argc}); }
