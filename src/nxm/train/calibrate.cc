// SPDX-License-Identifier: Apache-2.0
#include "nxm/train/calibrate.h"

#include <algorithm>

namespace nxm {
namespace {

constexpr int64_t kCalibrationBatch = 32;  // as in evaluation

}  // namespace

std::map<const void*, at::Tensor> gram_matrices(const Bert& model, const Dataset& data, int64_t rows,
                                                const Compute& compute) {
  at::NoGradGuard no_gradient;
  std::map<const void*, at::Tensor> grams;
  std::map<const void*, int64_t> counts;
  // Query, key and value read the same rows: one product for the three.
  at::Tensor last_input, last_gram;
  const LinearInputs collect = [&](const at::Tensor& weight, const at::Tensor& input) {
    if (!last_input.is_same(input)) {
      const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);  // sums in f32
      last_input = input;
      const at::Tensor x = input.to(at::kFloat);
      last_gram = x.t().mm(x);
    }
    at::Tensor& sum = grams[weight.unsafeGetTensorImpl()];
    sum = sum.defined() ? sum + last_gram : last_gram;
    counts[weight.unsafeGetTensorImpl()] += input.size(0);
  };
  const int64_t count = std::min(rows, data.size());
  for (int64_t begin = 0; begin < count; begin += kCalibrationBatch) {
    std::vector<int64_t> examples;
    for (int64_t i = begin; i < std::min(count, begin + kCalibrationBatch); ++i) {
      examples.push_back(i * data.size() / count);
    }
    AutocastScope autocast(compute);
    static_cast<void>(model.forward(to_device(make_batch(data, examples), compute.device), /*training=*/false,
                                    /*trace=*/nullptr, collect));
    last_input = at::Tensor();
  }
  for (auto& [weight, gram] : grams) gram = gram / static_cast<double>(counts[weight]);
  return grams;
}

}  // namespace nxm
