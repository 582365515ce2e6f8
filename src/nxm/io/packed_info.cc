// SPDX-License-Identifier: Apache-2.0
#include "nxm/io/packed_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "nxm/core/error.h"
#include "nxm/core/suggest.h"
#include "nxm/io/model_tensors.h"

namespace nxm {
namespace {

constexpr int kVersion = 1;
constexpr std::array<std::string_view, 4> kKeys = {"layers", "pattern", "precision", "version"};

struct Word {
  std::string_view word;
  DType dtype;
};
constexpr std::array kWords = {Word{"f32", DType::kF32}, Word{"bf16", DType::kBF16}, Word{"f16", DType::kF16},
                               Word{"int8", DType::kI8}};

void check_version(const JsonFields& nxm) {
  const auto version = nxm.integer("version", 1, 1'000'000);
  if (version == kVersion) return;
  nxm.reject("version",
             fmt::format("this build reads packed weights of version {}, got {}. Update nxm", kVersion, version));
}

Pattern read_pattern(const JsonFields& nxm) {
  try {
    return Pattern::parse(nxm.string("pattern"));
  } catch (const UsageError& error) {  // of a flag; here it is a file's
    nxm.reject("pattern", error.what());
  }
}

DType read_precision(const JsonFields& nxm) {
  const std::string word = nxm.string("precision");
  const auto dtype = parse_precision_word(word);
  if (!dtype) {
    nxm.reject("precision", fmt::format("expected f32, bf16, f16 or int8, got {}. Pack the model again", shown(word)));
  }
  return *dtype;
}

std::vector<std::string> read_layers(const JsonFields& nxm, const ModelConfig& config) {
  std::set<std::string> left;  // what may still be named
  for (std::string& name : sparsified_names(config)) left.insert(std::move(name));
  std::vector<std::string> layers;
  for (const Json& value : nxm.array("layers")) {
    const auto* name = value.get_ptr<const std::string*>();
    if (!name || left.erase(*name) == 0) {
      nxm.reject("layers", fmt::format("expected weights of encoder layers, each once, got {}. Pack the model again",
                                       shown(value)));
    }
    layers.push_back(*name);
  }
  if (layers.empty()) nxm.reject("layers", "expected layers, got none. Pack the model again");
  return layers;
}

}  // namespace

Json PackedInfo::to_json() const {
  return {{"version", version}, {"pattern", pattern.str()}, {"precision", precision_word(dtype)}, {"layers", layers}};
}

std::optional<PackedInfo> packed_info(const ModelConfig& config, std::string_view where) {
  if (!config.extra.contains("nxm")) return std::nullopt;
  const JsonFields nxm = JsonFields(config.extra, std::string(where)).object("nxm");
  const bool packed =
      std::ranges::any_of(kKeys, [&](std::string_view key) { return key != "pattern" && nxm.raw().contains(key); });
  if (!packed) return std::nullopt;
  check_version(nxm);  // first: a later version may have other keys
  for (const auto& [key, value] : nxm.raw().items()) {
    if (std::ranges::find(kKeys, key) == kKeys.end()) {
      nxm.reject(key.substr(0, 40), fmt::format("no such key{}. Pack the model again", did_you_mean(key, kKeys)));
    }
  }
  return PackedInfo{kVersion, read_pattern(nxm), read_precision(nxm), read_layers(nxm, config)};
}

std::optional<Pattern> claimed_pattern(const ModelConfig& config) {
  const auto nxm = config.extra.find("nxm");
  if (nxm == config.extra.end() || !nxm->is_object()) return std::nullopt;
  const auto pattern = nxm->find("pattern");
  if (pattern == nxm->end() || !pattern->is_string()) return std::nullopt;
  try {
    return Pattern::parse(pattern->get<std::string>());
  } catch (const UsageError& error) {
    fail("config.json", "$.nxm.pattern: {}", error.what());
  }
}

std::optional<DType> parse_precision_word(std::string_view word) {
  const auto* const found = std::ranges::find(kWords, word, &Word::word);
  return found == kWords.end() ? std::nullopt : std::optional(found->dtype);
}

std::string_view precision_word(DType dtype) {
  const auto* const found = std::ranges::find(kWords, dtype, &Word::dtype);
  require(found != kWords.end(), "precision_word: packed values are F32, BF16, F16 or I8");
  return found->word;
}

}  // namespace nxm
