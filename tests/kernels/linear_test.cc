// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cases.h"
#include "nxm/core/dtype.h"
#include "nxm/core/error.h"
#include "nxm/kernels/reference.h"

namespace nxm {
namespace {

using testing::Layer;
using testing::normal;
using testing::run;

const std::vector<std::string> kPatterns = {"dense", "1:2", "2:4",  "4:8",   "8:16",  "1:4",   "3:4",  "2:3",
                                            "3:7",   "5:8", "1:16", "2:4x2", "4:8x2", "2:4x3", "3:64", "8:32"};
const std::vector<int64_t> kRows = {0, 1, 2, 3, 5, 8, 13, 17, 33, 64, 130};
const std::vector<int64_t> kOutputs = {1, 3, 8, 33, 96};

/// What the sums of a kernel may be off: inputs * eps * sum |x w|, at the worst; those of the reference are exact, and
/// its bf16 weights are the kernel's.
struct Expected {
  std::vector<float> y;
  std::vector<double> tolerance;
};

Expected expected(const Layer& layer, Precision precision, int x_bits, const std::vector<float>& x, int64_t rows,
                  const Epilogue& epilogue, ThreadPool& pool) {
  const int64_t inputs = layer.source.inputs();
  const int64_t outputs = layer.source.outputs();
  const auto reference = make_reference(layer.source, precision, x_bits);
  const auto sums = run(*reference, x, rows, inputs, outputs, {epilogue.bias, false}, pool);
  Expected result;
  result.y = epilogue.gelu ? run(*reference, x, rows, inputs, outputs, epilogue, pool) : sums;
  const double eps = std::numeric_limits<float>::epsilon();
  const bool int8 = precision == Precision::kInt8;  // exact in integers; then a product and a sum are rounded
  for (size_t i = 0; i < sums.size(); ++i) {
    const auto r = static_cast<int64_t>(i) / outputs;
    const auto o = static_cast<int64_t>(i) % outputs;
    double magnitude = epilogue.bias == nullptr ? 0 : std::fabs(epilogue.bias[o]);
    const float* row = x.data() + r * inputs;
    const float* weights = layer.dense.data() + o * inputs;
    for (int64_t k = 0; k < inputs && !int8; ++k) {
      magnitude += 1.01 * std::fabs(static_cast<double>(row[k]) * weights[k]);
    }
    const double sum_error =
        int8 ? eps * (std::fabs(sums[i]) + 2 * magnitude) : static_cast<double>(inputs + 2) * eps * magnitude;
    // GELU has a slope of at most 1.13, and its own error.
    const double gelu_error = 0.13 * sum_error + 2e-6 + 4e-7 * std::fabs(sums[i]);
    result.tolerance.push_back(sum_error + (epilogue.gelu ? gelu_error : 0));
  }
  return result;
}

int64_t whole_groups(const std::string& pattern, int64_t inputs) {
  if (pattern == "dense") return inputs;
  const int64_t of = Pattern::parse(pattern).of;
  return std::max<int64_t>(1, inputs / of) * of;
}

void expect_equal(const std::vector<float>& y, const Expected& expected, const std::string& what) {
  ASSERT_EQ(y.size(), expected.y.size()) << what;
  for (size_t i = 0; i < y.size(); ++i) {
    ASSERT_NEAR(y[i], expected.y[i], expected.tolerance[i]) << what << ", element " << i;
  }
}

class EveryKernel : public ::testing::TestWithParam<LinearKernel> {};

TEST_P(EveryKernel, EqualsTheReferenceOnRaggedShapes) {
  const LinearKernel& kernel = GetParam();
  if (!testing::runs_here(kernel.needs)) GTEST_SKIP() << "needs " << name_of(kernel.needs);
  ThreadPool pools[] = {ThreadPool(1), ThreadPool(2), ThreadPool(3)};
  Rng rng(1, kernel.name);
  size_t round = 0;
  for (const std::string& pattern : kPatterns) {
    for (int64_t outputs : kOutputs) {
      if (pattern != "dense") outputs *= Pattern::parse(pattern).share;
      for (const int64_t about : {int64_t{1}, int64_t{24}, int64_t{100}, int64_t{650}}) {
        const DType dtypes[] = {DType::kF32, DType::kBF16, DType::kF16, DType::kI8};
        const Layer layer(pattern, dtypes[round % 4], outputs, whole_groups(pattern, about), rng);
        if (!kernel.takes(layer.source)) continue;
        const auto linear = kernel.make(layer.source);
        EXPECT_GT(linear->weight_bytes(), 0U);
        // Every number of rows meets every pattern and about every fourth shape.
        for (size_t i = round++ % 4; i < kRows.size(); i += 4) {
          const int64_t rows = kRows[i];
          const auto x = normal(rows * layer.source.inputs(), rng);
          const Epilogue epilogue{round % 3 != 0 ? layer.bias.data() : nullptr, round % 2 == 0};
          const Expected want = expected(layer, kernel.precision, kernel.x_bits, x, rows, epilogue, pools[2]);
          std::vector<float> first;
          for (ThreadPool& pool : pools) {
            const auto y = run(*linear, x, rows, layer.source.inputs(), outputs, epilogue, pool);
            const std::string what = fmt::format("{} {} R {} I {} O {} threads {}", kernel.name, pattern, rows,
                                                 layer.source.inputs(), outputs, pool.size());
            expect_equal(y, want, what);
            if (&pool == pools) first = y;
            EXPECT_EQ(y, first) << what << ": depends on the number of threads";
          }
        }
      }
    }
  }
}

TEST_P(EveryKernel, EqualsTheReferenceForManyTokens) {
  const LinearKernel& kernel = GetParam();
  if (!testing::runs_here(kernel.needs)) GTEST_SKIP() << "needs " << name_of(kernel.needs);
  ThreadPool pool(2);
  Rng rng(7, kernel.name);
  for (const std::string pattern : {"dense", "2:4", "1:4", "8:16", "3:7", "2:4x2"}) {
    const Layer layer(pattern, DType::kF32, 34, whole_groups(pattern, 210), rng);
    if (!kernel.takes(layer.source)) continue;
    const auto linear = kernel.make(layer.source);
    for (const int64_t rows : {45, 60, 79, 95, 100, 115, 250}) {
      const auto x = normal(rows * layer.source.inputs(), rng);
      const Epilogue epilogue{layer.bias.data(), rows == 115};
      const Expected want = expected(layer, kernel.precision, kernel.x_bits, x, rows, epilogue, pool);
      expect_equal(run(*linear, x, rows, layer.source.inputs(), 34, epilogue, pool), want,
                   fmt::format("{} {} R {}", kernel.name, pattern, rows));
    }
  }
}

TEST_P(EveryKernel, EqualsTheReferenceForMoreInputsThanCachesHold) {
  const LinearKernel& kernel = GetParam();
  if (!testing::runs_here(kernel.needs)) GTEST_SKIP() << "needs " << name_of(kernel.needs);
  ThreadPool pool(1);
  Rng rng(9, kernel.name);
  const int64_t rows = 70, inputs = 2100, outputs = 205;
  for (const std::string pattern : {"dense", "2:4"}) {
    const Layer layer(pattern, DType::kF32, outputs, inputs, rng);
    if (!kernel.takes(layer.source)) continue;
    const auto x = normal(rows * inputs, rng);
    const Epilogue epilogue{layer.bias.data(), false};
    const Expected want = expected(layer, kernel.precision, kernel.x_bits, x, rows, epilogue, pool);
    expect_equal(run(*kernel.make(layer.source), x, rows, inputs, outputs, epilogue, pool), want,
                 fmt::format("{} {}", kernel.name, pattern));
  }
}

TEST_P(EveryKernel, AnActivationThatIsNotFiniteIsNotAnswered) {
  const LinearKernel& kernel = GetParam();
  if (!testing::runs_here(kernel.needs)) GTEST_SKIP() << "needs " << name_of(kernel.needs);
  ThreadPool pool(1);
  Rng rng(5, kernel.name);
  for (const std::string pattern : {"dense", "2:4"}) {
    const Layer layer(pattern, DType::kF32, 40, 176, rng);
    if (!kernel.takes(layer.source)) continue;
    const auto linear = kernel.make(layer.source);
    for (const int64_t at : {0, 3, 100, 170, 175}) {
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                              -std::numeric_limits<float>::infinity()}) {
        auto x = normal(3 * 176, rng);
        x[static_cast<size_t>(176 + at)] = bad;
        const auto y = run(*linear, x, 3, 176, 40, {layer.bias.data(), false}, pool);
        for (int64_t i = 0; i < 3 * 40; ++i) {
          // Sparse floats do not look at every activation.
          if (i / 40 == 1 && pattern == "2:4" && kernel.precision != Precision::kInt8) continue;
          ASSERT_EQ(std::isfinite(y[static_cast<size_t>(i)]), i / 40 != 1)
              << kernel.name << ", " << bad << " at " << at;
        }
      }
    }
  }
}

TEST(MakeLinear, SumsThatInt8CouldNotHoldAreMadeInF32) {
  ThreadPool pool(1);
  const int64_t inputs = kInt8Inputs / 4 * 4 + 4;
  std::vector<float> ones(static_cast<size_t>(inputs), 1.0F);
  const LinearSource source{.dense = {ones.data(), 1, inputs}};
  for (const Target target : available_targets()) {
    const LinearChoice choice = make_linear(source, Precision::kInt8, target);
    EXPECT_EQ(run(*choice.linear, ones, 1, inputs, 1, {}, pool), std::vector<float>{static_cast<float>(inputs)})
        << choice.kernel;
    EXPECT_NE(choice.why.find("32 bits"), std::string::npos) << choice.why;
  }
  ones.resize(static_cast<size_t>(kInt8Inputs));
  const LinearSource narrow{.dense = {ones.data(), 1, kInt8Inputs}};
  const auto widest =
      run(*make_linear(narrow, Precision::kInt8, chosen_target()).linear, ones, 1, kInt8Inputs, 1, {}, pool);
  ASSERT_EQ(widest.size(), 1U);
  EXPECT_NEAR(widest[0] / static_cast<float>(kInt8Inputs), 1, 1e-5);
}

TEST(MakeLinear, RunsSparseSaysBeforehandWhatItDoes) {
  Rng rng(6, "runs sparse");
  for (const std::string& pattern : kPatterns) {
    if (pattern == "dense") continue;
    const Layer layer(pattern, DType::kF32, 96, whole_groups(pattern, 128), rng);
    for (const Target target : available_targets()) {
      for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
        const LinearChoice choice = make_linear(layer.source, precision, target);
        const bool expanded = choice.why.find("expanded") != std::string::npos;
        EXPECT_EQ(runs_sparse(Pattern::parse(pattern), 96, layer.source.inputs(), precision, target), !expanded)
            << pattern << " " << choice.kernel;
      }
    }
  }
}

/// The reference against sums made here, so that both do not err alike.
TEST(Reference, IsTheProduct) {
  Rng rng(2, "reference");
  ThreadPool pool(1);
  const Layer layer("2:4", DType::kF32, 5, 24, rng);
  const auto x = normal(2 * 24, rng);
  for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
    const auto y = run(*make_reference(layer.source, precision, precision == Precision::kInt8 ? 8 : 32), x, 2, 24, 5,
                       {layer.bias.data(), false}, pool);
    for (size_t r = 0; r < 2; ++r) {
      for (size_t o = 0; o < 5; ++o) {
        double sum = layer.bias[o];
        double magnitude = 0;
        for (size_t i = 0; i < 24; ++i) {
          const float w = layer.dense[o * 24 + i];
          sum += static_cast<double>(x[r * 24 + i]) * (precision == Precision::kBf16 ? bf16_to_f32(f32_to_bf16(w)) : w);
          magnitude += std::fabs(w);
        }
        EXPECT_NEAR(y[r * 5 + o], sum, precision == Precision::kInt8 ? 0.02 * magnitude : 1e-6);
      }
    }
  }
}

TEST(Quantization, CoversZeroAndTheExtremes) {
  Rng rng(3, "quantization");
  for (const int levels : {127, 255}) {
    for (int round = 0; round < 100; ++round) {
      auto x = normal(37, rng);
      for (float& v : x) v = round % 3 == 0 ? std::fabs(v) : round % 3 == 1 ? -std::fabs(v) : v;
      std::vector<uint8_t> q(x.size());
      const Quantized by = quantize_row(x.data(), static_cast<int64_t>(x.size()), levels, q.data());
      EXPECT_GE(by.zero, 0);
      EXPECT_LE(by.zero, levels);
      for (size_t i = 0; i < x.size(); ++i) {
        EXPECT_LE(q[i], levels);
        EXPECT_NEAR(static_cast<float>(q[i] - by.zero) * by.scale, x[i], 1.001 * by.scale);
      }
    }
  }
  uint8_t q = 9;
  const float zero = 0;
  EXPECT_EQ(quantize_row(&zero, 1, 127, &q).scale, 1);
  EXPECT_EQ(q, 0);
}

TEST(LinearKernels, ReferencesComeFirstAndNamesAreUnique) {
  const auto table = linear_kernels();
  std::vector<std::string_view> names;
  for (const LinearKernel& kernel : table) {
    EXPECT_EQ(std::count(names.begin(), names.end(), kernel.name), 0) << kernel.name;
    names.push_back(kernel.name);
    EXPECT_EQ(kernel.x_bits <= 8, kernel.precision == Precision::kInt8) << kernel.name;
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(table[i].needs, Target::kScalar);
}

TEST(MakeLinear, ChoosesForTheTargetAndSaysWhy) {
  Rng rng(4, "choice");
  for (const std::string& pattern : kPatterns) {
    const Layer layer(pattern, DType::kF32, 96, whole_groups(pattern, 128), rng);
    for (const Target target : available_targets()) {
      for (const Precision precision : {Precision::kF32, Precision::kBf16, Precision::kInt8}) {
        for (const bool dense : {false, true}) {
          const LinearChoice choice = make_linear(layer.source, precision, target, dense);
          const std::string what(choice.kernel);
          ASSERT_NE(choice.linear, nullptr);
          EXPECT_FALSE(choice.why.empty()) << what;
          EXPECT_EQ(what.find("scalar") != std::string::npos, target == Target::kScalar) << what;
          EXPECT_FALSE((dense || pattern == "dense") && what.find("nm_") != std::string::npos) << what;
        }
      }
    }
  }
}

std::string kernel_name(const ::testing::TestParamInfo<LinearKernel>& info) { return std::string(info.param.name); }
INSTANTIATE_TEST_SUITE_P(Table, EveryKernel, ::testing::ValuesIn(linear_kernels().begin(), linear_kernels().end()),
                         kernel_name);

}  // namespace
}  // namespace nxm
