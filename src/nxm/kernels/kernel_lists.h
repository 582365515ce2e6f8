// SPDX-License-Identifier: Apache-2.0
#pragma once
// Where the table's rows come from. Each function appends the kernels of one kind, better ones after worse ones, for
// all targets of this build. Internal to kernels.

#include <vector>

#include "nxm/kernels/linear.h"

namespace nxm {

/// LinearKernel::takes of a kernel for everything.
inline bool takes_any(const LinearSource& /*source*/) { return true; }

void add_dense_float_kernels(std::vector<LinearKernel>& table);
void add_sparse_float_kernels(std::vector<LinearKernel>& table);
void add_int8_kernels(std::vector<LinearKernel>& table);
void add_avx512_kernels(std::vector<LinearKernel>& table);
void add_amx_kernels(std::vector<LinearKernel>& table);

}  // namespace nxm
