// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the vector units run, target by target; null for a target that this build does not hold. Internal to kernels.

#include "nxm/kernels/dense_float.h"
#include "nxm/kernels/int8.h"
#include "nxm/kernels/ops.h"
#include "nxm/kernels/sparse_float.h"
#include "nxm/kernels/target.h"
#include "nxm/kernels/training_ops.h"

namespace nxm {

const DenseFloatCode* dense_float_code(Target target);
const SparseFloatCode* sparse_float_code(Target target);
const Int8Code* int8_code(Target target);
const Ops* simd_ops(Target target);
template <typename T>
const TrainingOps<T>* simd_training_ops(Target target);

}  // namespace nxm
