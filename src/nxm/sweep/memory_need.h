// SPDX-License-Identifier: Apache-2.0
#pragma once
// How much memory a run will take, from measured numbers (docs/sweep.md says how they were measured).

#include <cstdint>

#include "nxm/io/model_dir.h"
#include "nxm/recipe/recipe.h"

namespace nxm {

/// Bytes in RAM at the most demanding stage of `recipe`, trained from `model` on the CPU in f32, with every row as long
/// as max_length: 150 MB + 25 a weight + L (70 B T H + 12 B A T^2) for B rows of T tokens. Rows of text not counted.
uint64_t memory_need(const ModelDir& model, const Recipe& recipe);

}  // namespace nxm
