// SPDX-License-Identifier: Apache-2.0
#include "nxm/kernels/ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cases.h"
#include "nxm/kernels/reference.h"

namespace nxm {
namespace {

using testing::Guarded;
using testing::normal;

class EveryTarget : public ::testing::TestWithParam<Target> {
 protected:
  const Ops& ops_ = ops_for(GetParam());
};

TEST_P(EveryTarget, IsItsOwn) {
  EXPECT_EQ(&ops_ == &kScalarOps, GetParam() == Target::kScalar) << "the wrong functions would be tested";
}

TEST_P(EveryTarget, Gelu) {
  std::vector<float> x;
  for (int i = -200000; i <= 200000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
  x.insert(x.end(), {0.0F, -0.0F, 1e-30F, -1e-30F, 1e30F, -1e30F});
  std::vector<float> y = x;
  ops_.gelu(y.data(), static_cast<int64_t>(y.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = 0.5 * x[i] * (1 + std::erf(x[i] / std::sqrt(2.0)));
    ASSERT_NEAR(y[i], exact, 2e-6 + 4e-7 * std::fabs(x[i])) << x[i];
  }
}

TEST_P(EveryTarget, Tanh) {
  std::vector<float> x = {0.0F, 1e-30F, -1e-30F, 50.0F, -50.0F, 1e30F};
  for (int i = -100000; i <= 100000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
  std::vector<float> y = x;
  ops_.tanh(y.data(), static_cast<int64_t>(y.size()));
  for (size_t i = 0; i < x.size(); ++i) {
    const double exact = std::tanh(static_cast<double>(x[i]));
    ASSERT_NEAR(y[i], exact, 1e-6 * std::fabs(exact)) << x[i];
  }
}

TEST_P(EveryTarget, ElementwiseTouchesNothingElse) {
  for (int64_t n = 0; n < 40; ++n) {
    Guarded<float> x(n);
    std::fill_n(x.data(), n, 1.0F);
    ops_.gelu(x.data(), n);
    ops_.tanh(x.data(), n);
    EXPECT_TRUE(x.intact()) << n;
  }
}

TEST_P(EveryTarget, AddLayerNorm) {
  Rng rng(1, "layer norm");
  for (const int64_t width : {1, 2, 7, 8, 17, 64, 100, 384, 768}) {
    for (const int64_t rows : {0, 1, 3}) {
      for (const bool with_residual : {false, true}) {
        const auto start = normal(rows * width, rng);
        const auto residual = normal(rows * width, rng);
        const auto weight = normal(width, rng);
        const auto bias = normal(width, rng);
        Guarded<float> x(rows * width);
        std::copy(start.begin(), start.end(), x.data());
        auto want = start;
        const float* add = with_residual ? residual.data() : nullptr;
        ops_.add_layer_norm(x.data(), add, weight.data(), bias.data(), 1e-12F, rows, width);
        kScalarOps.add_layer_norm(want.data(), add, weight.data(), bias.data(), 1e-12F, rows, width);
        ASSERT_TRUE(x.intact());
        for (size_t i = 0; i < want.size(); ++i) {
          // Of one value the variance is 0 and the quotient all rounding: x - mean is exactly 0 there.
          ASSERT_NEAR(x.data()[i], want[i], 2e-5 * (1 + std::fabs(want[i]))) << width << " " << i;
        }
      }
    }
  }
}

TEST_P(EveryTarget, LayerNormOfLargeMean) {
  Rng rng(2, "large mean");
  auto x = normal(384, rng);
  for (float& v : x) v += 100;
  auto want = x;
  const std::vector<float> one(384, 1.0F);
  const std::vector<float> zero(384, 0.0F);
  ops_.add_layer_norm(x.data(), nullptr, one.data(), zero.data(), 1e-12F, 1, 384);
  kScalarOps.add_layer_norm(want.data(), nullptr, one.data(), zero.data(), 1e-12F, 1, 384);
  for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], want[i], 1e-4);
}

/// q, k and v of some tokens side by side, and what attention makes of them.
struct AttentionCase {
  int64_t head, tokens, stride;
  std::vector<float> qkv, want;

  AttentionCase(int64_t width, int64_t rows, Rng& rng)
      : head(width),
        tokens(rows),
        stride(3 * width + 1),
        qkv(normal(rows * stride, rng)),
        want(run(kScalarOps.attention)) {}
  [[nodiscard]] const float* q(int64_t t) const { return qkv.data() + t * stride; }
  [[nodiscard]] const float* k(int64_t t) const { return q(t) + head; }
  [[nodiscard]] const float* v(int64_t t) const { return q(t) + 2 * head; }
  /// (tokens, head); empty if `attention` wrote beyond its result or scratch.
  [[nodiscard]] std::vector<float> run(decltype(Ops::attention) attention) const {
    Guarded<float> out(tokens * head);
    Guarded<float> scratch(attention_scratch(tokens, head), 0);
    attention(q(0), k(0), v(0), stride, out.data(), head, tokens, head, scratch.data());
    if (!out.intact() || !scratch.intact()) return {};
    return {out.data(), out.data() + tokens * head};
  }
};

TEST_P(EveryTarget, Attention) {
  Rng rng(3, "attention");
  for (const int64_t head : {1, 5, 16, 32, 33, 64, 80}) {
    for (const int64_t tokens : {1, 2, 5, 6, 7, 16, 31, 70}) {
      const AttentionCase c(head, tokens, rng);
      const std::vector<float> out = c.run(ops_.attention);
      ASSERT_EQ(out.size(), c.want.size()) << head << " " << tokens;
      for (size_t i = 0; i < out.size(); ++i) {
        ASSERT_NEAR(out[i], c.want[i], 1e-5) << head << " " << tokens << " " << i;
      }
    }
  }
}

/// Rounding q and k moves a score by e <= 2^-8 sum |q k| / sqrt(head), so a share by a factor within exp(+-2e);
/// rounding it and v, another 2^-8; all shares of a row together weigh values of at most `most`.
TEST_P(EveryTarget, AttentionInBf16) {
  if (ops_.attention_bf16 == nullptr) GTEST_SKIP() << "none of its own";
  Rng rng(5, "attention bf16");
  for (const int64_t head : {1, 5, 16, 32, 33, 64, 80}) {
    for (const int64_t tokens : {1, 2, 5, 8, 9, 16, 31, 32, 33, 70, 128}) {
      const AttentionCase c(head, tokens, rng);
      const std::vector<float> out = c.run(ops_.attention_bf16);
      ASSERT_EQ(out.size(), c.want.size()) << head << " " << tokens;
      double most = 0;
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t i = 0; i < head; ++i) most = std::max<double>(most, std::fabs(c.v(t)[i]));
      }
      double worst = 0;
      for (int64_t t = 0; t < tokens; ++t) {
        double sum = 0;
        for (int64_t s = 0; s < tokens; ++s) {
          double score = 0;
          for (int64_t i = 0; i < head; ++i) score += std::fabs(c.q(t)[i] * c.k(s)[i]);
          sum = std::max(sum, score);
        }
        const double e = 0x1p-8 * sum / std::sqrt(static_cast<double>(head));
        const double bound = most * (std::exp(2 * e) - 1 + 0x1p-7);
        for (int64_t i = 0; i < head; ++i) {
          const auto at = static_cast<size_t>(t * head + i);
          const double error = std::fabs(out[at] - c.want[at]);
          ASSERT_LE(error, bound) << head << " " << tokens << " " << at;
          worst = std::max(worst, error / bound);
        }
      }
      if (tokens > 8 && head > 8) {
        EXPECT_GT(worst, 1e-4) << "nothing was rounded";
      }
    }
  }
}

TEST_P(EveryTarget, AttentionKeepsToItsColumnsAndStandsLargeScores) {
  constexpr int64_t kTokens = 9;
  constexpr int64_t kHead = 32;
  constexpr int64_t kStride = 2 * kHead;  // two heads side by side
  std::vector<float> q(kTokens * kStride, 100.0F);
  const std::vector<float> v(kTokens * kStride, 3.0F);
  Guarded<float> scratch(attention_scratch(kTokens, kHead), 0);
  for (const auto attention : {ops_.attention, ops_.attention_bf16}) {
    if (attention == nullptr) continue;
    std::vector<float> out(kTokens * kStride, -1.0F);
    attention(q.data(), q.data(), v.data(), kStride, out.data(), kStride, kTokens, kHead, scratch.data());
    for (size_t i = 0; i < out.size(); ++i) {
      if (i % kStride < kHead) {
        ASSERT_NEAR(out[i], 3, 1e-5);
      } else {
        ASSERT_EQ(out[i], -1);
      }
    }
  }
}

std::string target_name(const ::testing::TestParamInfo<Target>& info) { return std::string(name_of(info.param)); }
INSTANTIATE_TEST_SUITE_P(Targets, EveryTarget,
                         ::testing::ValuesIn(available_targets().begin(), available_targets().end()), target_name);

}  // namespace
}  // namespace nxm
