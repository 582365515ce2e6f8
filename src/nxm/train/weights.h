// SPDX-License-Identifier: Apache-2.0
#pragma once
// Weights between a model directory and a Bert.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nxm/io/model_dir.h"
#include "nxm/train/bert.h"

namespace nxm {

/// Copies every tensor of `directory` into `model`. A missing head (pooler, classifier), or a classifier for other
/// labels than the model's, is drawn from N(0, initializer_range) by `seed`, biases zero; returns the names so made.
/// Throws Error that lists any other missing or unexpected tensor, a wrong shape, a NaN or infinity. Tensors of another
/// head (pre-training's "cls.", say) are left out.
std::vector<std::string> load_weights(Bert& model, const ModelDir& directory, uint64_t seed);

/// Writes the model under `config` (its own, or that with more said about it); tokenizer files come from
/// `tokenizer_from`. Throws Error, before anything is written, if a weight is not finite.
void save_model(const Bert& model, const ModelConfig& config, const std::filesystem::path& folder,
                const std::filesystem::path& tokenizer_from);

/// No NaN and no infinity.
bool all_finite(const at::Tensor& tensor);
/// Throws Error(where) naming the first parameter that holds a NaN or an infinity.
void check_finite(const std::vector<Parameter>& parameters, std::string_view where);

/// A tensor's bytes on the CPU, contiguous; the span lives as long as the returned tensor.
at::Tensor on_cpu(const at::Tensor& tensor);
std::span<const std::byte> bytes_of(const at::Tensor& cpu_tensor);

}  // namespace nxm
